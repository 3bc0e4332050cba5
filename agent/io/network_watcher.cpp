#include "agent/io/network_watcher.hpp"

#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <utility>

namespace xm {
namespace {

constexpr std::uint32_t group(unsigned number) {
  return 1U << (number - 1);
}

// Puts what was announced in place of what was; true when it is new or differs.
template <typename Key, typename Value>
bool put(std::map<Key, Value>& known, const Key& key, Value value) {
  const auto [at, is_new] = known.try_emplace(key, value);
  if (is_new) return true;
  return !(std::exchange(at->second, std::move(value)) == at->second);
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
  const bool complete = events_.drain([&](const nlmsghdr& message, std::int32_t) {
    if (note(message)) something = true;
  });
  if (!complete) {  // what was left out may have been anything
    addresses_.clear();
    links_.clear();
  }
  if (something || !complete) burst_.note(now);
}

bool NetworkWatcher::note(const nlmsghdr& message) {
  switch (message.nlmsg_type) {
    case RTM_NEWADDR:
    case RTM_DELADDR:
      return note_address(message);
    case RTM_NEWLINK:
    case RTM_DELLINK:
      return note_link(message);
    default:
      return true;
  }
}

bool NetworkWatcher::note_address(const nlmsghdr& message) {
  const auto& header = *static_cast<const ifaddrmsg*>(mnl_nlmsg_get_payload(&message));
  std::uint32_t flags = header.ifa_flags;
  IpAddress address;
  for_each_attribute(message, sizeof header, [&](const nlattr& attribute) {
    const std::uint16_t type = mnl_attr_get_type(&attribute);
    if (type == IFA_ADDRESS) address = read_address(attribute, header.ifa_family);
    // All of them, where the header has the first eight.
    if (type == IFA_FLAGS) flags = read_number<std::uint32_t>(attribute);
  });
  const AddressKey key{header.ifa_index, address, header.ifa_prefixlen};
  if (message.nlmsg_type == RTM_NEWADDR) return put(addresses_, key, flags);
  addresses_.erase(key);
  return true;
}

bool NetworkWatcher::note_link(const nlmsghdr& message) {
  const auto& header = *static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(&message));
  // A port as its bridge sees it: that it came or went is told of the link itself too.
  if (header.ifi_family == AF_BRIDGE) return false;
  const auto index = static_cast<std::uint32_t>(header.ifi_index);
  if (message.nlmsg_type == RTM_DELLINK) {
    links_.erase(index);
    std::erase_if(addresses_, [&](const auto& one) { return std::get<0>(one.first) == index; });
    return true;
  }
  Link link;
  link.flags = header.ifi_flags & (IFF_UP | IFF_RUNNING | IFF_LOWER_UP);
  for_each_attribute(message, sizeof header, [&](const nlattr& attribute) {
    const std::uint16_t type = mnl_attr_get_type(&attribute);
    if (type == IFLA_IFNAME) link.name = mnl_attr_get_str(&attribute);
    if (type == IFLA_MTU) link.mtu = read_number<std::uint32_t>(attribute);
    if (type == IFLA_MASTER) link.master = read_number<std::uint32_t>(attribute);
  });
  // Only part of a link, as what happens on a radio is told.
  if (link.mtu == 0) return false;
  return put(links_, index, std::move(link));
}

}  // namespace xm
