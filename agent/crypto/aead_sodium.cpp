// libsodium: everywhere, and always available.
#include <sodium.h>

#include "agent/crypto/aead_engines.hpp"
#include "agent/crypto/nonce.hpp"
#include "agent/crypto/sodium_ready.hpp"

namespace xm {
namespace {

class SodiumEngine final : public AeadEngine {
 public:
  SodiumEngine() { sodium_ready(); }

  void seal(const Key& key, std::span<AeadJob> jobs) override {
    for (const AeadJob& job : jobs) {
      if (crypto_aead_chacha20poly1305_ietf_encrypt(job.out, nullptr, job.in, job.length, nullptr,
                                                    0, nullptr, nonce_of(job.counter).data(),
                                                    key.expose().data()) != 0) {
        blank_sealed(job);
      }
    }
  }

  void open(const Key& key, std::span<AeadJob> jobs) override {
    for (AeadJob& job : jobs) {
      job.ok = job.length >= kAeadTagSize &&
               crypto_aead_chacha20poly1305_ietf_decrypt(
                   job.out, nullptr, nullptr, job.in, job.length, nullptr, 0,
                   nonce_of(job.counter).data(), key.expose().data()) == 0;
    }
  }

  [[nodiscard]] std::string description() const override { return "libsodium"; }
};

}  // namespace

Result<std::unique_ptr<AeadEngine>> make_sodium_engine() {
  return std::unique_ptr<AeadEngine>(std::make_unique<SodiumEngine>());
}

}  // namespace xm
