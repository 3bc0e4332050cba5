// Outer frames as a driver hands them over: Ethernet with up to two VLAN tags, IPv4 without options
// or IPv6 without extension headers, UDP. What the kernel would check before a UDP socket sees a
// datagram is checked here, because an AF_XDP socket is given it before the kernel has looked.
//
// The XDP program has looked at most of this already; nothing here relies on it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "xdpmesh/addr.hpp"
#include "xdpmesh/bytes.hpp"

namespace xm {

namespace ethernet {  // IEEE 802.3, 802.1Q, 802.1ad
inline constexpr std::size_t kHeaderSize = 14;
inline constexpr std::size_t kType = 12;
inline constexpr std::size_t kTagSize = 4;
inline constexpr std::size_t kMaximumTags = 2;
inline constexpr std::uint16_t kTypeVlan = 0x8100;
inline constexpr std::uint16_t kTypeServiceVlan = 0x88a8;
inline constexpr std::uint16_t kTypeIpv4 = 0x0800;
inline constexpr std::uint16_t kTypeIpv6 = 0x86dd;
}  // namespace ethernet

enum class OuterVerdict : std::uint8_t {
  datagram,   // a UDP datagram to hand on
  malformed,  // cut short, lengths that disagree, a fragment, options, or not UDP at all
  checksum,   // the IPv4 header is damaged: its source address is worth nothing
  martian,    // an address that no packet from a network may have
};

// Ports in host byte order.
struct OuterDatagram {
  IpAddress source;
  IpAddress destination;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint8_t ecn = 0;
  bool is_tagged = false;            // behind at least one VLAN tag
  std::uint32_t payload_offset = 0;  // in the frame
  std::uint32_t payload_length = 0;
};

// fe80::/10 (RFC 4291, 2.5.6): means nothing without the interface that it is on.
[[nodiscard]] inline bool is_link_local(const IpAddress& address) {
  return address.is_v6() && address.octets[0] == 0xfe && (address.octets[1] & 0xc0) == 0x80;
}

// Fills `datagram` when the verdict says that there is one; it is unspecified otherwise. The frame
// may be longer than the datagram (Ethernet pads to 60 bytes).
//
// The UDP checksum is not looked at. A sender on the same machine leaves it to hardware that is not
// there (CHECKSUM_PARTIAL over veth), and there is nothing that it protects: payload, receiver
// index and counter are covered by the AEAD tag, a changed port or IPv6 address moves nothing that
// a sender of the same authentic packet could not move by sending it from there.
//
// Martian: RFC 1122, 3.2.1.3; RFC 4291, 2.5 and 2.7; net/ipv4/route.c (ip_route_input_slow) and
// net/ipv6/ip6_input.c (ip6_rcv_core). A source that is the packet's own destination is one too;
// further addresses of this machine are the walk's to refuse (agent/path/rx.cpp).
[[nodiscard]] OuterVerdict parse_outer(Bytes frame, OuterDatagram& datagram);

}  // namespace xm
