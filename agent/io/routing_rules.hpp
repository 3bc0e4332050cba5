// Rules of policy routing by which a default route through the tunnel wins over the machine's own,
// while what the agent itself sends to its peers goes by the machine's own (as wg-quick(8) does
// it):
//
//   30000: all goes by the main table, but not by its default routes
//   30001: all that does not carry our mark goes by the tunnel's default route, in a table apart
//
// They are there while that table has a route, and of the same number as all that is ours
// (FRA_PROTOCOL): `ip rule show` and `ip route show table 30829` show them. The default of one
// tunnel at a time has room there.
//
// Sources: rtnetlink(7); include/uapi/linux/fib_rules.h; net/core/fib_rules.c.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/io/rtnetlink.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

inline constexpr std::uint32_t kDefaultRouteTable = 0x786d;  // "xm"
// The mark (SO_MARK) of a socket whose packets must not enter the tunnel. It has none of the bits
// that others look at: 0x4000 and 0x8000 (kube-proxy), 0x0f00 (Cilium), the upper half (Calico,
// Weave, Tailscale).
inline constexpr std::uint32_t kOwnMark = 0x306d;

// Makes both rules of an address family. Those that are there already stay.
[[nodiscard]] Status add_default_rules(RouteSocket& socket, std::uint8_t family);

// Removes both, also a crashed agent's, unless the table still has a route.
[[nodiscard]] Status remove_default_rules(RouteSocket& socket, std::uint8_t family);

// The interfaces where the kernel would drop what peers answer while the default route leads into
// `tunnel`: rp_filter is strict there (ip-sysctl: 1). In alphabetical order. `sysctls` is
// /proc/sys/net/ipv4/conf.
[[nodiscard]] std::vector<std::string> strict_reverse_paths(const std::string& sysctls,
                                                            const std::string& tunnel);

}  // namespace xm
