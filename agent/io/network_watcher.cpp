#include "agent/io/network_watcher.hpp"

#include <linux/rtnetlink.h>

#include <utility>

namespace xm {
namespace {

constexpr std::uint32_t group(unsigned number) {
  return 1U << (number - 1);
}

}  // namespace

Result<NetworkWatcher> NetworkWatcher::open() {
  Result<RouteSocket> events =
      RouteSocket::open(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE |
                        RTMGRP_IPV6_ROUTE | group(RTNLGRP_IPV4_RULE) | group(RTNLGRP_IPV6_RULE));
  if (!events) return events.error();
  return NetworkWatcher(std::move(*events));
}

void NetworkWatcher::read(Instant now) {
  bool something = false;
  const bool complete = events_.drain([&](const nlmsghdr&, std::int32_t) { something = true; });
  if (something || !complete) burst_.note(now);
}

}  // namespace xm
