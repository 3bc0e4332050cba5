// Ed25519 signatures (RFC 8032) over libsodium, and the X25519 form of Ed25519 keys. Any thread.
//
// Stricter than RFC 8032 where it leaves a choice, so that everyone judges alike: a verifying key
// and a signature's R must not be of low order, and a key must be in its canonical form; S must be
// below the group's order (RFC 8032, 5.1.7; libsodium's crypto_sign_verify_detached).
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "agent/crypto/random.hpp"
#include "agent/crypto/secret.hpp"

namespace xm {

// Seed, then verifying key: what libsodium signs with.
using SigningKey = Secret<64>;
using VerifyKey = std::array<std::uint8_t, 32>;
using Signature = std::array<std::uint8_t, 64>;

// The key pair of a seed of 32 random bytes (RFC 8032, 5.1.5).
[[nodiscard]] SigningKey signing_key(const Key& seed);
[[nodiscard]] SigningKey generate_signing_key(Random& random);
[[nodiscard]] Key seed_of(const SigningKey& key);
[[nodiscard]] VerifyKey verify_key(const SigningKey& key);

[[nodiscard]] Signature sign(const SigningKey& key, Bytes message);
[[nodiscard]] bool verify(const VerifyKey& key, Bytes message, const Signature& signature);

// Canonical, on the curve, not of low order, and in the group of prime order: what every honest key
// is. Costs a multiplication.
[[nodiscard]] bool is_valid_verify_key(const VerifyKey& key);

// The X25519 key pair that belongs to an Ed25519 key pair (the birational map of RFC 7748, 4.1).
// Nothing for a key that is_valid_verify_key() refuses.
[[nodiscard]] std::optional<PublicKey> x25519_of(const VerifyKey& key);
[[nodiscard]] Key x25519_of(const SigningKey& key);

}  // namespace xm
