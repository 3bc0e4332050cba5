// BLAKE2b (RFC 7693) over libsodium: hashes of 32 bytes, keys derived from keys, MACs of 16 bytes.
//
// The message comes in parts, hashed as if they stood in a row: a part whose length is not fixed
// needs its length before it. Parts are read during the call only. Nothing allocates; any thread.
#pragma once

#include "agent/crypto/blake2s.hpp"

namespace xm {

inline constexpr std::size_t kBlake2bMaxKeySize = 64;

[[nodiscard]] Hash blake2b(Parts parts);

// Keyed mode. A key of 0..64 bytes, an empty one gives the unkeyed hash; a longer one is an error
// of the caller and aborts.
[[nodiscard]] Key blake2b_key(Bytes key, Parts parts);
[[nodiscard]] Mac16 blake2b_mac(Bytes key, Parts parts);

}  // namespace xm
