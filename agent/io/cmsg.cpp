#include "agent/io/cmsg.hpp"

#include <cstring>

namespace xm {
namespace {

// Appends one control message at `length` and moves `length` past it.
template <typename T>
void append(SendControl& control, std::size_t& length, int level, int type, const T& value) {
  auto* header = reinterpret_cast<cmsghdr*>(control.bytes + length);
  header->cmsg_level = level;
  header->cmsg_type = type;
  header->cmsg_len = CMSG_LEN(sizeof value);
  std::memcpy(CMSG_DATA(header), &value, sizeof value);
  length += CMSG_SPACE(sizeof value);
}

void append_source(const SendAttributes& attributes, SendControl& control, std::size_t& length) {
  // The interface is left to the route, as the kernel's WireGuard does (drivers/net/wireguard/
  // socket.c): an interface forced on a destination that it has no route to would make the kernel
  // believe the destination is on that link. A link-local source has no meaning without it.
  if (attributes.source.is_v4()) {
    in_pktinfo info{};
    std::memcpy(&info.ipi_spec_dst, attributes.source.octets.data(), sizeof info.ipi_spec_dst);
    append(control, length, IPPROTO_IP, IP_PKTINFO, info);
  } else {
    in6_pktinfo info{};
    std::memcpy(&info.ipi6_addr, attributes.source.octets.data(), sizeof info.ipi6_addr);
    if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) info.ipi6_ifindex = attributes.interface_index;
    append(control, length, IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
}

template <typename T>
T value_of(const cmsghdr* header) {
  T value;
  std::memcpy(&value, CMSG_DATA(header), sizeof value);
  return value;
}

// ECN are the low two bits of TOS and traffic class (RFC 3168 section 5).
constexpr int kEcnMask = 3;

void read_ipv4(const cmsghdr* header, ReceiveAttributes& attributes) {
  if (header->cmsg_type == IP_PKTINFO && header->cmsg_len >= CMSG_LEN(sizeof(in_pktinfo))) {
    const auto info = value_of<in_pktinfo>(header);
    attributes.local = IpAddress::v4(reinterpret_cast<const std::uint8_t*>(&info.ipi_spec_dst));
    attributes.interface_index = static_cast<std::uint32_t>(info.ipi_ifindex);
  } else if (header->cmsg_type == IP_TOS && header->cmsg_len >= CMSG_LEN(1)) {
    attributes.ecn = static_cast<std::uint8_t>(value_of<std::uint8_t>(header) & kEcnMask);
  }
}

void read_ipv6(const cmsghdr* header, ReceiveAttributes& attributes) {
  if (header->cmsg_type == IPV6_PKTINFO && header->cmsg_len >= CMSG_LEN(sizeof(in6_pktinfo))) {
    const auto info = value_of<in6_pktinfo>(header);
    attributes.local = IpAddress::v6(reinterpret_cast<const std::uint8_t*>(&info.ipi6_addr));
    attributes.interface_index = info.ipi6_ifindex;
  } else if (header->cmsg_type == IPV6_TCLASS && header->cmsg_len >= CMSG_LEN(sizeof(int))) {
    attributes.ecn = static_cast<std::uint8_t>(value_of<int>(header) & kEcnMask);
  }
}

}  // namespace

void put_attributes(const SendAttributes& attributes, SendControl& control, msghdr& message) {
  std::size_t length = 0;
  if (attributes.segment_size != 0) {
    append(control, length, IPPROTO_UDP, UDP_SEGMENT, attributes.segment_size);
  }
  if (attributes.source.family == attributes.family) append_source(attributes, control, length);
  if (attributes.tos != 0) {
    const int tos = attributes.tos;
    if (attributes.family == IpAddress::Family::v4) {
      append(control, length, IPPROTO_IP, IP_TOS, tos);
    } else {
      append(control, length, IPPROTO_IPV6, IPV6_TCLASS, tos);
    }
  }
  message.msg_control = length == 0 ? nullptr : control.bytes;
  message.msg_controllen = length;
}

ReceiveAttributes get_attributes(const msghdr& message) {
  ReceiveAttributes attributes;
  // CMSG_NXTHDR takes a pointer to non-const but does not write.
  auto& header_of = const_cast<msghdr&>(message);  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  for (const cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&header_of, const_cast<cmsghdr*>(header))) {  // NOLINT
    if (header->cmsg_level == IPPROTO_IP) {
      read_ipv4(header, attributes);
    } else if (header->cmsg_level == IPPROTO_IPV6) {
      read_ipv6(header, attributes);
    } else if (header->cmsg_level == IPPROTO_UDP && header->cmsg_type == UDP_GRO &&
               header->cmsg_len >= CMSG_LEN(sizeof(int))) {
      const int size = value_of<int>(header);
      attributes.segment_size = size > 0 ? static_cast<std::uint32_t>(size) : 0;
    }
  }
  return attributes;
}

}  // namespace xm
