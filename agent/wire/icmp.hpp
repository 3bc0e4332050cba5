// "Destination unreachable" for an inner packet that no peer takes.
#pragma once

#include <cstddef>

#include "xdpmesh/bytes.hpp"

namespace xm {

// The longest reply: IPv6's minimum MTU (RFC 4443, 2.4 c). IPv4 replies stop at 576 (RFC 1812,
// 4.3.2.3).
inline constexpr std::size_t kIcmpMaximumSize = 1280;

// Builds the reply to `packet`, as read from the TUN device, in `out` (at least kIcmpMaximumSize
// bytes) and returns its length: ICMP type 3 code 1 (host unreachable) or ICMPv6 type 1 code 3
// (address unreachable), as the kernel's WireGuard answers. It is to be written back to the TUN
// device, without virtio offloads.
//
// The reply's source is the unreachable destination itself: the interface's own address would be
// dropped as a martian source on its way in.
//
// Returns 0 where no reply is allowed (RFC 1122, 3.2.2; RFC 4443, 2.4 e): to ICMP errors and
// redirects, later fragments, packets to multicast or broadcast, packets from what is no single
// host, and to what does not parse. How often to reply is the caller's to limit.
[[nodiscard]] std::size_t build_unreachable(Bytes packet, MutableBytes out);

}  // namespace xm
