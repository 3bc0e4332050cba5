// The virtio network header that precedes every packet on a TUN queue: which checksum is still to
// be filled in, and how a super-packet divides into segments.
//
// Source: virtio 1.2, section 5.1.6; <linux/virtio_net.h>, which C++ cannot include everywhere
// (older versions name a field `class`). A TUN device uses the legacy form: host byte order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace xm {

struct VnetHeader {
  std::uint8_t flags = 0;
  std::uint8_t gso_type = 0;
  std::uint16_t header_length = 0;    // IP and transport header together; a hint, may lie
  std::uint16_t segment_payload = 0;  // gso_size: payload bytes of each segment but the last
  std::uint16_t checksum_start = 0;   // from the start of the packet
  std::uint16_t checksum_offset = 0;  // of the checksum field, from checksum_start
};

inline constexpr std::size_t kVnetHeaderSize = 10;
static_assert(sizeof(VnetHeader) == kVnetHeaderSize && std::is_trivially_copyable_v<VnetHeader>);

// flags: the checksum field holds the pseudo header's sum only; whoever sends the packet on sums
// from checksum_start to the end and writes the complement.
inline constexpr std::uint8_t kVnetNeedsChecksum = 1;

// gso_type, without kVnetGsoEcn.
inline constexpr std::uint8_t kVnetGsoNone = 0;
inline constexpr std::uint8_t kVnetGsoTcp4 = 1;
inline constexpr std::uint8_t kVnetGsoTcp6 = 4;
inline constexpr std::uint8_t kVnetGsoUdp = 5;  // UDP_L4: datagrams, not fragments; both families
// or-ed to a TCP type: the super-packet has CWR set, which is its first segment's alone.
inline constexpr std::uint8_t kVnetGsoEcn = 0x80;

}  // namespace xm
