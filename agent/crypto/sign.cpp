#include "agent/crypto/sign.hpp"

#include <sodium.h>

#include <algorithm>

#include "agent/crypto/sodium_ready.hpp"

namespace xm {

SigningKey signing_key(const Key& seed) {
  sodium_ready();
  SigningKey key;
  VerifyKey ignored;
  crypto_sign_seed_keypair(ignored.data(), key.expose_mutable().data(), seed.expose().data());
  return key;
}

SigningKey generate_signing_key(Random& random) {
  Key seed;
  random.fill(seed.expose_mutable());
  return signing_key(seed);
}

Key seed_of(const SigningKey& key) {
  return Key(key.expose().first<32>());
}

VerifyKey verify_key(const SigningKey& key) {
  VerifyKey out;
  const auto bytes = key.expose().last<32>();
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

Signature sign(const SigningKey& key, Bytes message) {
  sodium_ready();
  Signature out;
  crypto_sign_detached(out.data(), nullptr, message.data(), message.size(), key.expose().data());
  return out;
}

bool verify(const VerifyKey& key, Bytes message, const Signature& signature) {
  sodium_ready();
  return crypto_sign_verify_detached(signature.data(), message.data(), message.size(),
                                     key.data()) == 0;
}

bool is_valid_verify_key(const VerifyKey& key) {
  sodium_ready();
  return crypto_core_ed25519_is_valid_point(key.data()) == 1;
}

std::optional<PublicKey> x25519_of(const VerifyKey& key) {
  if (!is_valid_verify_key(key)) return std::nullopt;
  PublicKey out;
  if (crypto_sign_ed25519_pk_to_curve25519(out.data(), key.data()) != 0) return std::nullopt;
  return out;
}

Key x25519_of(const SigningKey& key) {
  sodium_ready();
  Key out;
  crypto_sign_ed25519_sk_to_curve25519(out.expose_mutable().data(), key.expose().data());
  return out;
}

}  // namespace xm
