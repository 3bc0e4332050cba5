// Split: one packet as read from the TUN device into the packets that leave. Pure.
//
// The TUN device hands over up to 64 KB of one TCP or UDP flow as a super-packet, or one ordinary
// packet whose checksum may be left to us. split_plan() looks at the headers once; write_segment()
// then builds any segment at the place where it is encrypted, copying and summing in one pass.
//
// Rules: the kernel's own segmentation, net/ipv4/tcp_offload.c tcp_gso_segment(),
// net/ipv4/udp_offload.c __udp_gso_segment(), net/ipv4/af_inet.c inet_gso_segment();
// virtio 1.2, 5.1.6.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "agent/wire/vnet.hpp"
#include "xdpmesh/bytes.hpp"

namespace xm {

// How one packet divides. A value; refers to no bytes.
struct SplitPlan {
  enum class Kind : std::uint8_t { whole, whole_checksum, tcp, udp };

  Kind kind = Kind::whole;
  bool is_v4 = false;
  std::uint32_t segment_count = 0;     // at least 1
  std::uint32_t ip_header_length = 0;  // IPv6: with extension headers
  std::uint32_t header_length = 0;     // IP and transport; repeated in every segment
  std::uint32_t segment_payload = 0;   // of every segment but the last
  std::uint32_t payload_length = 0;    // of all segments together
  std::uint32_t checksum_start = 0;    // Kind::whole_checksum
  std::uint32_t checksum_offset = 0;   // Kind::whole_checksum, from checksum_start
  std::uint64_t pseudo_header = 0;     // sum of addresses and protocol, without the length

  // Bytes of segment `index`, which is below segment_count.
  [[nodiscard]] std::uint32_t segment_length(std::size_t index) const {
    const auto before = static_cast<std::uint32_t>(index) * segment_payload;
    return header_length + std::min(segment_payload, payload_length - before);
  }
};

// Whether the headers tell the truth, and if so how the packet divides. `packet` is what follows
// the virtio header; bytes past the length in the IP header are left out of the plan. False for
// what is not IPv4 or IPv6, for an unknown kind of super-packet, and for any length or offset that
// does not fit the packet: to be dropped as tun_malformed. The header length of the virtio header
// is not believed; it is found in the packet.
[[nodiscard]] bool split_plan(const VnetHeader& vnet, Bytes packet, SplitPlan& plan);

// Builds segment `index` at `out`, which has room for plan.segment_length(index) bytes and does not
// overlap `packet`; returns that length. `plan` was made from the same `packet`.
//
// Each segment gets its own IP length, IPv4 id (counting up) and header checksum, TCP sequence
// number, UDP length and complete checksum; FIN and PSH are the last segment's, CWR the first's.
std::uint32_t write_segment(const SplitPlan& plan, Bytes packet, std::size_t index,
                            std::uint8_t* out);

}  // namespace xm
