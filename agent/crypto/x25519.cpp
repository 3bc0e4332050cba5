#include "agent/crypto/x25519.hpp"

#include <sodium.h>

#include "agent/crypto/sodium_ready.hpp"

namespace xm {

Key generate_private_key(Random& random) {
  Key key;
  random.fill(key.expose_mutable());
  clamp_private_key(key);
  return key;
}

void clamp_private_key(Key& private_key) {
  const auto bytes = private_key.expose_mutable();
  bytes[0] &= 248;
  bytes[31] = static_cast<std::uint8_t>((bytes[31] & 127) | 64);
}

PublicKey public_key(const Key& private_key) {
  sodium_ready();
  PublicKey out;
  crypto_scalarmult_curve25519_base(out.data(), private_key.expose().data());
  return out;
}

std::optional<Key> shared_secret(const Key& private_key, const PublicKey& peer) {
  sodium_ready();
  Key out;
  if (crypto_scalarmult_curve25519(out.expose_mutable().data(), private_key.expose().data(),
                                   peer.data()) != 0) {
    return std::nullopt;
  }
  if (out.is_zero()) return std::nullopt;
  return out;
}

}  // namespace xm
