// Inner packets: what the tunnel must know of an IPv4 or IPv6 packet, and no more.
//
// The inline functions run once per packet. Those that take `packet` after the first two expect
// bytes that inner_length() has accepted.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "xdpmesh/addr.hpp"
#include "xdpmesh/bytes.hpp"

namespace xm {

// Offsets and bits of the headers that are read or rewritten here and in agent/path.
namespace ipv4 {  // RFC 791
inline constexpr std::size_t kHeaderSize = 20;
inline constexpr std::size_t kTos = 1;
inline constexpr std::size_t kTotalLength = 2;
inline constexpr std::size_t kId = 4;
inline constexpr std::size_t kFragment = 6;
inline constexpr std::size_t kTtl = 8;
inline constexpr std::size_t kProtocol = 9;
inline constexpr std::size_t kChecksum = 10;
inline constexpr std::size_t kSource = 12;
inline constexpr std::size_t kDestination = 16;
inline constexpr std::uint16_t kDontFragment = 0x4000;
inline constexpr std::uint16_t kMoreFragments = 0x2000;
inline constexpr std::uint16_t kFragmentOffset = 0x1fff;
}  // namespace ipv4
namespace ipv6 {  // RFC 8200
inline constexpr std::size_t kHeaderSize = 40;
inline constexpr std::size_t kPayloadLength = 4;
inline constexpr std::size_t kNextHeader = 6;
inline constexpr std::size_t kHopLimit = 7;
inline constexpr std::size_t kSource = 8;
inline constexpr std::size_t kDestination = 24;
}  // namespace ipv6
namespace tcp {  // RFC 9293; CWR: RFC 3168
inline constexpr std::size_t kHeaderSize = 20;
inline constexpr std::size_t kSequence = 4;
inline constexpr std::size_t kAcknowledgement = 8;
inline constexpr std::size_t kDataOffset = 12;
inline constexpr std::size_t kFlags = 13;
inline constexpr std::size_t kWindow = 14;
inline constexpr std::size_t kChecksum = 16;
inline constexpr std::size_t kUrgentPointer = 18;
inline constexpr std::uint8_t kFin = 0x01;
inline constexpr std::uint8_t kSyn = 0x02;
inline constexpr std::uint8_t kRst = 0x04;
inline constexpr std::uint8_t kPsh = 0x08;
inline constexpr std::uint8_t kAck = 0x10;
inline constexpr std::uint8_t kUrg = 0x20;
inline constexpr std::uint8_t kEce = 0x40;
inline constexpr std::uint8_t kCwr = 0x80;
}  // namespace tcp
namespace udp {  // RFC 768
inline constexpr std::size_t kHeaderSize = 8;
inline constexpr std::size_t kLength = 4;
inline constexpr std::size_t kChecksum = 6;
}  // namespace udp

inline constexpr std::uint8_t kProtocolIcmp = 1;
inline constexpr std::uint8_t kProtocolTcp = 6;
inline constexpr std::uint8_t kProtocolUdp = 17;
inline constexpr std::uint8_t kProtocolIcmp6 = 58;

// The two ECN bits of TOS or traffic class (RFC 3168).
inline constexpr std::uint8_t kEcnMask = 3;
inline constexpr std::uint8_t kEcnNotCapable = 0;
inline constexpr std::uint8_t kEcnCapable1 = 1;
inline constexpr std::uint8_t kEcnCapable0 = 2;
inline constexpr std::uint8_t kEcnCongestion = 3;

// 4 or 6; whatever the first nibble says otherwise, 0 for no bytes at all.
[[nodiscard]] inline unsigned ip_version(Bytes packet) {
  return packet.empty() ? 0 : packet[0] >> 4;
}

// The length of the packet by its own IP header: at least the header, at most the bytes given (a
// data message pads). Nothing for what is not IPv4 or IPv6, or lies about its length.
[[nodiscard]] inline std::optional<std::uint32_t> inner_length(Bytes packet) {
  if (packet.size() < ipv4::kHeaderSize) return std::nullopt;
  const std::uint8_t* ip = packet.data();
  std::size_t header = 0;
  std::size_t length = 0;
  if (ip[0] >> 4 == 4) {
    header = std::size_t{4} * (ip[0] & 0xfU);
    length = load_be16(ip + ipv4::kTotalLength);
    if (header < ipv4::kHeaderSize) return std::nullopt;
  } else if (ip[0] >> 4 == 6) {
    header = ipv6::kHeaderSize;
    length = header + load_be16(ip + ipv6::kPayloadLength);
  } else {
    return std::nullopt;
  }
  if (length < header || length > packet.size()) return std::nullopt;
  return static_cast<std::uint32_t>(length);
}

[[nodiscard]] inline IpAddress inner_source(Bytes packet) {
  if (ip_version(packet) == 4) return IpAddress::v4(packet.data() + ipv4::kSource);
  return IpAddress::v6(packet.data() + ipv6::kSource);
}
[[nodiscard]] inline IpAddress inner_destination(Bytes packet) {
  if (ip_version(packet) == 4) return IpAddress::v4(packet.data() + ipv4::kDestination);
  return IpAddress::v6(packet.data() + ipv6::kDestination);
}
// Also the outer header's bits, congestion experienced included (RFC 6040, 4.1, normal mode; the
// kernel's INET_ECN_encapsulate still does as RFC 3168 said and writes ECT(0) then).
[[nodiscard]] inline std::uint8_t inner_ecn(Bytes packet) {
  const unsigned byte = packet[1];
  return static_cast<std::uint8_t>((ip_version(packet) == 4 ? byte : byte >> 4) & kEcnMask);
}

// To be called when the outer header arrived with congestion experienced: passes the mark to an
// inner packet that is ECN-capable, the IPv4 header checksum included. An inner packet that is not
// stays as it is and is delivered: RFC 6040 would drop it, the kernel's WireGuard
// (drivers/net/wireguard/receive.c, IP_ECN_set_ce) does not, and we do as the kernel.
void mark_congestion(MutableBytes packet);

inline constexpr std::uint32_t kPaddingMultiple = 16;

// How long an inner packet is when padded for encryption: up to a multiple of 16 but not past the
// MTU, so that padding never makes a datagram too big. An MTU of 0 means "unknown". A packet above
// the MTU (which the kernel may hand over just after a change) is padded as its last MTU-full would
// be. Rule: drivers/net/wireguard/send.c, calculate_skb_padding().
[[nodiscard]] constexpr std::uint32_t padded_length(std::uint32_t length, std::uint32_t mtu) {
  if (mtu == 0) return (length + kPaddingMultiple - 1) / kPaddingMultiple * kPaddingMultiple;
  const std::uint32_t last_unit = length > mtu ? length % mtu : length;
  const std::uint32_t padded =
      (last_unit + kPaddingMultiple - 1) / kPaddingMultiple * kPaddingMultiple;
  return length + std::min(mtu, padded) - last_unit;
}

// Everything about an inner packet, for the few packets where that is wanted.
struct InnerPacket {
  IpAddress source;
  IpAddress destination;
  std::uint32_t total_length = 0;
  std::uint32_t header_length = 0;     // IPv4 with options; IPv6 without extension headers
  std::uint32_t transport_offset = 0;  // past the extension headers
  std::uint8_t protocol = 0;           // of what lies at transport_offset
  std::uint8_t ecn = 0;
  bool is_fragment = false;
  bool is_later_fragment = false;  // offset ≠ 0: at transport_offset lies data, no header
};

// Walks IPv6 extension headers too; nothing when they, or the packet, run past the end.
[[nodiscard]] std::optional<InnerPacket> parse_inner(Bytes packet);

}  // namespace xm
