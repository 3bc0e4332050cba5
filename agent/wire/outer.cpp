#include "agent/wire/outer.hpp"

#include <algorithm>
#include <cstring>

#include "agent/wire/checksum.hpp"
#include "agent/wire/ip.hpp"

namespace xm {
namespace {

constexpr std::uint8_t kIpv4WithoutOptions = 0x45;

bool is_martian_v4(std::uint32_t address) {
  const std::uint32_t first = address >> 24;
  return first == 0 || first == 127 || (first >= 224 && first <= 239) || address == 0xffffffff;
}

bool is_martian_v6(const std::uint8_t* address) {
  if (address[0] == 0xff) return true;  // multicast
  if (!std::all_of(address, address + 10, [](std::uint8_t octet) { return octet == 0; })) {
    return false;
  }
  if (load_be16(address + 10) == 0xffff) return true;                   // IPv4-mapped
  return load_be16(address + 10) == 0 && load_be32(address + 12) <= 1;  // unspecified, loopback
}

// `udp` is what follows the IP header, all of it.
OuterVerdict parse_udp(Bytes udp, OuterDatagram& datagram) {
  if (udp.size() < udp::kHeaderSize || load_be16(udp.data() + udp::kLength) != udp.size()) {
    return OuterVerdict::malformed;
  }
  datagram.source_port = load_be16(udp.data());
  datagram.destination_port = load_be16(udp.data() + 2);
  datagram.payload_length = static_cast<std::uint32_t>(udp.size() - udp::kHeaderSize);
  return OuterVerdict::datagram;
}

OuterVerdict parse_ipv4(Bytes packet, OuterDatagram& datagram) {
  const std::uint8_t* ip = packet.data();
  if (packet.size() < ipv4::kHeaderSize || ip[0] != kIpv4WithoutOptions) {
    return OuterVerdict::malformed;
  }
  // First of all: of a damaged header nothing else is to be believed.
  if (!checksum_is_valid(checksum_header(ip, ipv4::kHeaderSize))) return OuterVerdict::checksum;
  const std::size_t length = load_be16(ip + ipv4::kTotalLength);
  if (length < ipv4::kHeaderSize || length > packet.size() || ip[ipv4::kProtocol] != kProtocolUdp ||
      (load_be16(ip + ipv4::kFragment) & (ipv4::kMoreFragments | ipv4::kFragmentOffset)) != 0) {
    return OuterVerdict::malformed;
  }
  const std::uint32_t source = load_be32(ip + ipv4::kSource);
  const std::uint32_t destination = load_be32(ip + ipv4::kDestination);
  if (is_martian_v4(source) || is_martian_v4(destination) || source == destination) {
    return OuterVerdict::martian;
  }
  datagram.source = IpAddress::v4(ip + ipv4::kSource);
  datagram.destination = IpAddress::v4(ip + ipv4::kDestination);
  datagram.ecn = ip[ipv4::kTos] & kEcnMask;
  datagram.payload_offset += ipv4::kHeaderSize + udp::kHeaderSize;
  return parse_udp(packet.first(length).subspan(ipv4::kHeaderSize), datagram);
}

OuterVerdict parse_ipv6(Bytes packet, OuterDatagram& datagram) {
  const std::uint8_t* ip = packet.data();
  if (packet.size() < ipv6::kHeaderSize || ip[0] >> 4 != 6) return OuterVerdict::malformed;
  const std::size_t length = load_be16(ip + ipv6::kPayloadLength);
  if (length > packet.size() - ipv6::kHeaderSize || ip[ipv6::kNextHeader] != kProtocolUdp) {
    return OuterVerdict::malformed;
  }
  const std::uint8_t* source = ip + ipv6::kSource;
  const std::uint8_t* destination = ip + ipv6::kDestination;
  if (is_martian_v6(source) || is_martian_v6(destination) ||
      std::memcmp(source, destination, 16) == 0) {
    return OuterVerdict::martian;
  }
  datagram.source = IpAddress::v6(source);
  datagram.destination = IpAddress::v6(destination);
  datagram.ecn = inner_ecn(packet);
  datagram.payload_offset += ipv6::kHeaderSize + udp::kHeaderSize;
  return parse_udp(packet.subspan(ipv6::kHeaderSize, length), datagram);
}

}  // namespace

OuterVerdict parse_outer(Bytes frame, OuterDatagram& datagram) {
  if (frame.size() < ethernet::kHeaderSize) return OuterVerdict::malformed;
  std::uint16_t type = load_be16(frame.data() + ethernet::kType);
  std::size_t header = ethernet::kHeaderSize;
  for (std::size_t tags = 0; tags < ethernet::kMaximumTags &&
                             (type == ethernet::kTypeVlan || type == ethernet::kTypeServiceVlan);
       ++tags) {
    if (frame.size() < header + ethernet::kTagSize) return OuterVerdict::malformed;
    type = load_be16(frame.data() + header + 2);
    header += ethernet::kTagSize;
  }
  datagram.is_tagged = header != ethernet::kHeaderSize;
  datagram.payload_offset = static_cast<std::uint32_t>(header);
  if (type == ethernet::kTypeIpv4) return parse_ipv4(frame.subspan(header), datagram);
  if (type == ethernet::kTypeIpv6) return parse_ipv6(frame.subspan(header), datagram);
  return OuterVerdict::malformed;
}

}  // namespace xm
