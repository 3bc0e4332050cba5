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
#include <optional>
#include <string>

#include "agent/io/rtnetlink.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// "xm": of the table, and of the mark (SO_MARK) of a socket whose packets must not enter the
// tunnel.
inline constexpr std::uint32_t kDefaultRouteTable = 0x786d;
inline constexpr std::uint32_t kOwnMark = 0x786d;

// Makes both rules of an address family. Those that are there already stay.
[[nodiscard]] Status add_default_rules(RouteSocket& socket, std::uint8_t family);

// Removes both, also a crashed agent's, unless the table still has a route.
[[nodiscard]] Status remove_default_rules(RouteSocket& socket, std::uint8_t family);

// The interface, if there is one, where the kernel would drop what peers answer while a default
// route leads elsewhere: rp_filter is strict there (ip-sysctl: 1). `sysctls` is
// /proc/sys/net/ipv4/conf.
[[nodiscard]] std::optional<std::string> strict_reverse_path(const std::string& sysctls);

}  // namespace xm
