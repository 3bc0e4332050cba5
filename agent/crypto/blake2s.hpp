// BLAKE2s (RFC 7693), unkeyed and keyed, and HMAC over it (RFC 2104), as WireGuard uses them.
//
// Every function takes its message in parts, hashed as if they stood in a row, so that hash(a || b)
// needs no copy. Parts are read during the call only. Nothing allocates; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>

#include "agent/crypto/secret.hpp"
#include "xdpmesh/bytes.hpp"

namespace xm {

inline constexpr std::size_t kBlake2sSize = 32;
inline constexpr std::size_t kBlake2sMaxKeySize = 32;

using Hash = std::array<std::uint8_t, kBlake2sSize>;
using Mac16 = std::array<std::uint8_t, 16>;
using Parts = std::initializer_list<Bytes>;

[[nodiscard]] Hash blake2s(Parts parts);

// Keyed mode with the full 32 bytes of output. The key has 0..32 bytes; an empty one gives the
// unkeyed hash (RFC 7693, 2.9). A longer one is an error of the caller and aborts.
[[nodiscard]] Hash blake2s_keyed(Bytes key, Parts parts);

// Keyed mode with 16 bytes of output (WireGuard's MAC). The output length is part of BLAKE2's
// parameter block: this is not a truncated blake2s_keyed().
[[nodiscard]] Mac16 blake2s_mac(Bytes key, Parts parts);

// BLAKE2s's state between two blocks (RFC 7693, 2.2: h).
using Blake2sChaining = std::array<std::uint32_t, 8>;

// Where blake2s_mac() stands when the block of its key (1..32 bytes) is behind it and a message
// follows: who has this can go on without the key. As good as the key for making macs, so only for
// keys that are made of public things (WireGuard's mac1).
[[nodiscard]] Blake2sChaining blake2s_mac_chaining(Bytes key);

// HMAC with BLAKE2s as its hash and a block of 64 bytes (WireGuard's HMAC, the base of its KDF).
// A key of any length; one of more than 64 bytes is hashed first.
[[nodiscard]] Key hmac_blake2s(Bytes key, Parts parts);

}  // namespace xm
