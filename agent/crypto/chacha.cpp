#include "agent/crypto/chacha.hpp"

#include <sodium.h>

#include <cstdlib>

#include "agent/crypto/nonce.hpp"
#include "agent/crypto/sodium_ready.hpp"

namespace xm {
namespace {

constexpr std::size_t kTagSize = crypto_aead_chacha20poly1305_ietf_ABYTES;
static_assert(kTagSize == 16 && crypto_aead_xchacha20poly1305_ietf_ABYTES == kTagSize);

// A buffer of the wrong size would be overrun: better no process than that.
void check_seal_size(Bytes plaintext, MutableBytes out) {
  if (out.size() != plaintext.size() + kTagSize) std::abort();
}

bool open_size_fits(Bytes sealed, MutableBytes out) {
  return sealed.size() >= kTagSize && out.size() == sealed.size() - kTagSize;
}

}  // namespace

void seal_with_aad(const Key& key, std::uint64_t counter, Bytes aad, Bytes plaintext,
                   MutableBytes out) {
  sodium_ready();
  check_seal_size(plaintext, out);
  crypto_aead_chacha20poly1305_ietf_encrypt(out.data(), nullptr, plaintext.data(), plaintext.size(),
                                            aad.data(), aad.size(), nullptr,
                                            nonce_of(counter).data(), key.expose().data());
}

bool open_with_aad(const Key& key, std::uint64_t counter, Bytes aad, Bytes sealed,
                   MutableBytes out) {
  sodium_ready();
  if (!open_size_fits(sealed, out)) return false;
  // libsodium takes a null output for "verify only", which is all an empty message needs.
  return crypto_aead_chacha20poly1305_ietf_decrypt(
             out.data(), nullptr, nullptr, sealed.data(), sealed.size(), aad.data(), aad.size(),
             nonce_of(counter).data(), key.expose().data()) == 0;
}

void xseal_with_aad(const Key& key, const XNonce& nonce, Bytes aad, Bytes plaintext,
                    MutableBytes out) {
  sodium_ready();
  check_seal_size(plaintext, out);
  crypto_aead_xchacha20poly1305_ietf_encrypt(out.data(), nullptr, plaintext.data(),
                                             plaintext.size(), aad.data(), aad.size(), nullptr,
                                             nonce.data(), key.expose().data());
}

bool xopen_with_aad(const Key& key, const XNonce& nonce, Bytes aad, Bytes sealed,
                    MutableBytes out) {
  sodium_ready();
  if (!open_size_fits(sealed, out)) return false;
  return crypto_aead_xchacha20poly1305_ietf_decrypt(out.data(), nullptr, nullptr, sealed.data(),
                                                    sealed.size(), aad.data(), aad.size(),
                                                    nonce.data(), key.expose().data()) == 0;
}

}  // namespace xm
