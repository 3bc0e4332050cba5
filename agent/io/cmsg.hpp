// Ancillary data of UDP messages: written on send (segment size, source address, TOS), read on
// receive (segment size, where it arrived, TOS). cmsg(3), ip(7), ipv6(7), udp(7).
#pragma once

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <cstdint>

#include "xdpmesh/addr.hpp"
#include "xdpmesh/frame.hpp"

namespace xm {

// Room for every control message that a receive can bring: pktinfo, TOS and the segment size.
struct ReceiveControl {
  static constexpr std::size_t kSize = CMSG_SPACE(sizeof(in6_pktinfo)) +
                                       CMSG_SPACE(sizeof(in_pktinfo)) + 3 * CMSG_SPACE(sizeof(int));
  alignas(cmsghdr) std::uint8_t bytes[kSize];
};

// Room for every control message of a send.
struct SendControl {
  static constexpr std::size_t kSize =
      CMSG_SPACE(sizeof(std::uint16_t)) + CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(int));
  alignas(cmsghdr) std::uint8_t bytes[kSize];
};

// What a send tells the kernel beside the payload.
struct SendAttributes {
  IpAddress::Family family = IpAddress::Family::none;  // of the socket
  std::uint16_t segment_size = 0;                      // 0: not segmented
  std::uint8_t tos = 0;                                // 0 is the socket's default: nothing is said
  IpAddress source;                                    // family none: the kernel chooses
  std::uint32_t interface_index = 0;                   // only with a link-local source
};

// Writes `attributes` into `control` and points `message` at it (at nothing when there is none).
void put_attributes(const SendAttributes& attributes, SendControl& control, msghdr& message);

// What a received message says beside its payload.
struct ReceiveAttributes {
  std::uint32_t segment_size = 0;  // 0: one datagram
  IpAddress local;
  std::uint32_t interface_index = 0;
  std::uint8_t ecn = 0;
};

[[nodiscard]] ReceiveAttributes get_attributes(const msghdr& message);

}  // namespace xm
