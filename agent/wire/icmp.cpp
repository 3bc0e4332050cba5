#include "agent/wire/icmp.hpp"

#include <algorithm>

#include "agent/wire/checksum.hpp"
#include "agent/wire/ip.hpp"

namespace xm {
namespace {

constexpr std::size_t kIcmpHeaderSize = 8;
constexpr std::size_t kIcmp4MaximumSize = 576;
// Bytes of the packet that fit into a reply.
constexpr std::size_t kQuoteV4 = kIcmp4MaximumSize - ipv4::kHeaderSize - kIcmpHeaderSize;
constexpr std::size_t kQuoteV6 = kIcmpMaximumSize - ipv6::kHeaderSize - kIcmpHeaderSize;
constexpr std::uint8_t kReplyTtl = 64;
constexpr std::uint8_t kInternetControl = 0xc0;  // precedence of ICMP errors: RFC 1812, 4.3.2.5

// Not 0/8, loopback, multicast, reserved or broadcast.
bool is_host_v4(const IpAddress& address) {
  const std::uint8_t first = address.octets[0];
  return first != 0 && first != 127 && first < 224;
}
bool is_multicast_or_broadcast_v4(const IpAddress& address) {
  return address.octets[0] >= 224;
}

bool is_multicast_v6(const IpAddress& address) {
  return address.octets[0] == 0xff;
}
bool is_unspecified_v6(const IpAddress& address) {
  return std::all_of(address.octets.begin(), address.octets.end(),
                     [](std::uint8_t octet) { return octet == 0; });
}

// Destination unreachable, source quench, redirect, time exceeded, parameter problem.
bool is_error_v4(std::uint8_t type) {
  return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}
// Errors are the types below 128; 137 is a redirect.
bool is_error_v6(std::uint8_t type) {
  return type < 128 || type == 137;
}

bool may_reply(Bytes packet, const InnerPacket& inner) {
  if (inner.is_later_fragment) return false;
  const bool v4 = inner.source.is_v4();
  if (v4 && (!is_host_v4(inner.source) || is_multicast_or_broadcast_v4(inner.destination))) {
    return false;
  }
  if (!v4 && (is_multicast_v6(inner.source) || is_unspecified_v6(inner.source) ||
              is_multicast_v6(inner.destination))) {
    return false;
  }
  if (inner.protocol != (v4 ? kProtocolIcmp : kProtocolIcmp6)) return true;
  if (inner.transport_offset >= inner.total_length) return false;  // no type to be seen
  const std::uint8_t type = packet[inner.transport_offset];
  return v4 ? !is_error_v4(type) : !is_error_v6(type);
}

// The ICMP header and the quotation at `icmp`; the checksum is left zero.
void write_body(std::uint8_t* icmp, std::uint8_t type, std::uint8_t code, Bytes quoted) {
  std::memset(icmp, 0, kIcmpHeaderSize);
  icmp[0] = type;
  icmp[1] = code;
  std::memcpy(icmp + kIcmpHeaderSize, quoted.data(), quoted.size());
}

std::size_t build_v4(Bytes packet, const InnerPacket& inner, std::uint8_t* out) {
  const Bytes quoted = packet.first(std::min<std::size_t>(inner.total_length, kQuoteV4));
  const std::size_t total = ipv4::kHeaderSize + kIcmpHeaderSize + quoted.size();

  std::memset(out, 0, ipv4::kHeaderSize);
  out[0] = 0x45;
  out[ipv4::kTos] = kInternetControl;
  store_be16(out + ipv4::kTotalLength, static_cast<std::uint16_t>(total));
  out[ipv4::kTtl] = kReplyTtl;
  out[ipv4::kProtocol] = kProtocolIcmp;
  std::memcpy(out + ipv4::kSource, inner.destination.octets.data(), 4);
  std::memcpy(out + ipv4::kDestination, inner.source.octets.data(), 4);
  checksum_store(out + ipv4::kChecksum, checksum_header(out, ipv4::kHeaderSize));

  std::uint8_t* icmp = out + ipv4::kHeaderSize;
  write_body(icmp, 3, 1, quoted);
  checksum_store(icmp + 2, checksum_sum({icmp, kIcmpHeaderSize + quoted.size()}));
  return total;
}

std::size_t build_v6(Bytes packet, const InnerPacket& inner, std::uint8_t* out) {
  const Bytes quoted = packet.first(std::min<std::size_t>(inner.total_length, kQuoteV6));
  const auto length = static_cast<std::uint16_t>(kIcmpHeaderSize + quoted.size());

  std::memset(out, 0, ipv6::kHeaderSize);
  out[0] = 0x60;
  store_be16(out + ipv6::kPayloadLength, length);
  out[ipv6::kNextHeader] = kProtocolIcmp6;
  out[ipv6::kHopLimit] = kReplyTtl;
  std::memcpy(out + ipv6::kSource, inner.destination.octets.data(), 16);
  std::memcpy(out + ipv6::kDestination, inner.source.octets.data(), 16);

  std::uint8_t* icmp = out + ipv6::kHeaderSize;
  write_body(icmp, 1, 3, quoted);
  checksum_store(icmp + 2,
                 pseudo_header_v6(out, kProtocolIcmp6, length) + checksum_sum({icmp, length}));
  return ipv6::kHeaderSize + length;
}

}  // namespace

std::size_t build_unreachable(Bytes packet, MutableBytes out) {
  if (out.size() < kIcmpMaximumSize) return 0;
  const auto inner = parse_inner(packet);
  if (!inner || !may_reply(packet, *inner)) return 0;
  return inner->source.is_v4() ? build_v4(packet, *inner, out.data())
                               : build_v6(packet, *inner, out.data());
}

}  // namespace xm
