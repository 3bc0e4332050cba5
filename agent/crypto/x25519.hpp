// X25519 (RFC 7748) over libsodium. Any thread; nothing allocates.
#pragma once

#include <optional>

#include "agent/crypto/random.hpp"
#include "agent/crypto/secret.hpp"

namespace xm {

// 32 random bytes, clamped.
[[nodiscard]] Key generate_private_key(Random& random);

// Sets and clears the bits that RFC 7748, 5 fixes. shared_secret() and public_key() do so for
// themselves; a stored key is clamped so that it reads the same as in other tools.
void clamp_private_key(Key& private_key);

[[nodiscard]] PublicKey public_key(const Key& private_key);

// Nothing when `peer` is a point of low order, whose result would be all zeroes whatever the
// private key (RFC 7748, 6.1): the handshake must not go on with it.
[[nodiscard]] std::optional<Key> shared_secret(const Key& private_key, const PublicKey& peer);

}  // namespace xm
