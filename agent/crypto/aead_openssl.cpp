// OpenSSL 3's EVP. Its code is fast and setting it up is not: the context is kept, and as long as
// the key stays the same only the nonce is set.
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <array>

#include "agent/crypto/aead_engines.hpp"
#include "agent/crypto/nonce.hpp"

namespace xm {
namespace {

struct FreeCipher {
  void operator()(EVP_CIPHER* cipher) const { EVP_CIPHER_free(cipher); }
};
struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};

enum class Direction : int { open = 0, seal = 1 };

// A context for one direction. It holds a session's key only during a call: what OpenSSL keeps of
// it is overwritten at the end, so that no key outlives its session here.
class Context {
 public:
  // False when OpenSSL refuses; the context is then of no use.
  [[nodiscard]] bool create(const EVP_CIPHER* cipher, Direction direction) {
    context_.reset(EVP_CIPHER_CTX_new());
    return context_ != nullptr &&
           EVP_CipherInit_ex2(context_.get(), cipher, no_key_.expose().data(), nullptr,
                              static_cast<int>(direction), nullptr) == 1;
  }

  // False when OpenSSL refuses the key: nothing may then be sealed or opened.
  [[nodiscard]] bool use_key(const Key& key) {
    return EVP_CipherInit_ex2(context_.get(), nullptr, key.expose().data(), nullptr, kKeepDirection,
                              nullptr) == 1;
  }
  void forget_key() { (void)use_key(no_key_); }

  [[nodiscard]] bool seal(const AeadJob& job) {
    const Nonce nonce = nonce_of(job.counter);
    if (!start(nonce, nullptr) || !transform(job.out, job.in, job.length)) return false;
    std::array<OSSL_PARAM, 2> tag = {
        OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, job.out + job.length,
                                          kAeadTagSize),
        OSSL_PARAM_construct_end()};
    return EVP_CIPHER_CTX_get_params(context_.get(), tag.data()) == 1;
  }

  // OpenSSL compares the tags itself, in constant time, when it finishes.
  [[nodiscard]] bool open(const AeadJob& job) {
    if (job.length < kAeadTagSize) return false;
    const std::size_t text_length = job.length - kAeadTagSize;
    std::array<std::uint8_t, kAeadTagSize> expected;
    std::memcpy(expected.data(), job.in + text_length, expected.size());
    const std::array<OSSL_PARAM, 2> tag = {
        OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, expected.data(),
                                          expected.size()),
        OSSL_PARAM_construct_end()};
    return start(nonce_of(job.counter), tag.data()) && transform(job.out, job.in, text_length);
  }

 private:
  static constexpr int kKeepDirection = -1;

  [[nodiscard]] bool start(const Nonce& nonce, const OSSL_PARAM* parameters) {
    return EVP_CipherInit_ex2(context_.get(), nullptr, nullptr, nonce.data(), kKeepDirection,
                              parameters) == 1;
  }

  [[nodiscard]] bool transform(std::uint8_t* out, const std::uint8_t* in, std::size_t length) {
    int written = 0;
    int finished = 0;
    return EVP_CipherUpdate(context_.get(), out, &written, in, static_cast<int>(length)) == 1 &&
           EVP_CipherFinal_ex(context_.get(), out + length, &finished) == 1 &&
           static_cast<std::size_t>(written) == length && finished == 0;
  }

  std::unique_ptr<EVP_CIPHER_CTX, FreeContext> context_;
  Key no_key_;  // zeros
};

class OpensslEngine final : public AeadEngine {
 public:
  [[nodiscard]] bool create() {
    cipher_.reset(EVP_CIPHER_fetch(nullptr, "ChaCha20-Poly1305", nullptr));
    return cipher_ != nullptr && seal_.create(cipher_.get(), Direction::seal) &&
           open_.create(cipher_.get(), Direction::open);
  }

  void seal(const Key& key, std::span<AeadJob> jobs) override {
    const bool keyed = seal_.use_key(key);
    for (const AeadJob& job : jobs) {
      if (!keyed || !seal_.seal(job)) blank_sealed(job);
    }
    seal_.forget_key();
  }

  void open(const Key& key, std::span<AeadJob> jobs) override {
    const bool keyed = open_.use_key(key);
    for (AeadJob& job : jobs) job.ok = keyed && open_.open(job);
    open_.forget_key();
  }

  [[nodiscard]] std::string description() const override { return "openssl"; }

 private:
  std::unique_ptr<EVP_CIPHER, FreeCipher> cipher_;
  Context seal_;
  Context open_;
};

}  // namespace

Result<std::unique_ptr<AeadEngine>> make_openssl_engine() {
  auto engine = std::make_unique<OpensslEngine>();
  if (!engine->create()) {
    return Error{"OpenSSL offers no ChaCha20-Poly1305 (its providers are limited by openssl.cnf?)"};
  }
  return std::unique_ptr<AeadEngine>(std::move(engine));
}

}  // namespace xm
