// HKDF (RFC 5869) over HMAC-BLAKE2s with one, two or three outputs, as Noise defines it
// (revision 34, 4.3) and WireGuard names it: Kdf1, Kdf2, Kdf3.
//
// The first output is usually the next chaining key. Any thread; nothing allocates.
#pragma once

#include <array>

#include "agent/crypto/secret.hpp"
#include "xdpmesh/bytes.hpp"

namespace xm {

[[nodiscard]] Key kdf1(const Key& chaining_key, Bytes input);
[[nodiscard]] std::array<Key, 2> kdf2(const Key& chaining_key, Bytes input);
[[nodiscard]] std::array<Key, 3> kdf3(const Key& chaining_key, Bytes input);

}  // namespace xm
