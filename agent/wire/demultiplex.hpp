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
inline constexpr std::uint32_t kStunCookie = 0x2112a442;
inline constexpr std::size_t kStunHeaderSize = 20;

[[nodiscard]] inline bool is_stun(Bytes datagram) {
  return datagram.size() >= kStunHeaderSize && datagram[0] < 0x40 &&
         load_be32(datagram.data() + 4) == kStunCookie;
}

enum class DatagramKind : std::uint8_t { other, gossip, stun };

// Of a datagram that is no WireGuard message: a handshake may hold the cookie by chance. Its shape
// is not judged beyond this.
[[nodiscard]] inline DatagramKind datagram_kind(Bytes datagram) {
  if (is_stun(datagram)) return DatagramKind::stun;
  const bool is_gossip = datagram.size() >= kGossipMagic.size() &&
                         std::equal(kGossipMagic.begin(), kGossipMagic.end(), datagram.begin());
  return is_gossip ? DatagramKind::gossip : DatagramKind::other;
}

}  // namespace xm
