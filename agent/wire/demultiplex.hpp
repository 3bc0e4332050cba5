// What else comes to the one UDP port, told apart by content: the first 32 bits of a WireGuard
// message are 1 to 4; STUN has its magic cookie at byte 4 and the top two bits zero (RFC 8489,
// section 5); gossip has a magic of its own, which is neither.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "xdpmesh/bytes.hpp"

namespace xm {

inline constexpr std::array<std::uint8_t, 3> kGossipMagic{0xd8, 'x', 'm'};
inline constexpr std::array<std::uint8_t, 4> kStunCookie{0x21, 0x12, 0xa4, 0x42};
inline constexpr std::size_t kStunHeaderSize = 20;

enum class DatagramKind : std::uint8_t { other, gossip, stun };

// Of a datagram that is no WireGuard message. Its shape is not judged beyond this.
[[nodiscard]] inline DatagramKind datagram_kind(Bytes datagram) {
  if (datagram.size() < kStunHeaderSize) return DatagramKind::other;
  if (std::equal(kGossipMagic.begin(), kGossipMagic.end(), datagram.begin())) {
    return DatagramKind::gossip;
  }
  const bool is_stun = (datagram[0] & 0xc0) == 0 &&
                       std::equal(kStunCookie.begin(), kStunCookie.end(), datagram.begin() + 4);
  return is_stun ? DatagramKind::stun : DatagramKind::other;
}

}  // namespace xm
