#include "agent/io/netlink_network.hpp"

#include <linux/if.h>
#include <linux/if_addr.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <utility>

#include "agent/io/routing_rules.hpp"

// Not <net/if.h>, which declares what <linux/if.h> does.
extern "C" unsigned int if_nametoindex(const char* name);

namespace xm {
namespace {

// How often a dump is taken again because something changed under it.
constexpr int kDumpAttempts = 8;

constexpr std::array<std::uint8_t, 2> kFamilies{AF_INET, AF_INET6};

void put_address(nlmsghdr* message, std::uint16_t attribute, const IpAddress& address) {
  mnl_attr_put(message, attribute, address.bytes().size(), address.bytes().data());
}

std::uint8_t family_of(const IpAddress& address) {
  return address.is_v4() ? AF_INET : AF_INET6;
}

Status repeat_while_changing(const std::function<Status()>& dump) {
  Status dumped;
  for (int attempt = 0; attempt < kDumpAttempts; ++attempt) {
    dumped = dump();
    if (dumped || dumped.error().os_errno != EAGAIN) break;
  }
  return dumped;
}

// Makes `present` into `wanted`: first what is missing, then what is too much. Whatever fails is
// told, the first by name, and the rest is done all the same.
template <typename T>
Status make_equal(const std::set<T>& present, const std::set<T>& wanted,
                  const std::function<Status(const T&)>& add,
                  const std::function<Status(const T&)>& remove) {
  Status first;
  int others = 0;
  const auto note = [&](Status done) {
    if (done) return;
    if (!first) {
      ++others;
    } else {
      first = std::move(done);
    }
  };
  for (const T& one : wanted) {
    if (!present.contains(one)) note(add(one));
  }
  for (const T& one : present) {
    if (!wanted.contains(one)) note(remove(one));
  }
  if (others == 0) return first;
  return Error{first.error().what + " (and " + std::to_string(others) + " more)",
               first.error().os_errno};
}

}  // namespace

Result<NetlinkNetwork> NetlinkNetwork::open(const std::string& interface) {
  const unsigned index = if_nametoindex(interface.c_str());
  if (index == 0) return errno_error("cannot find the interface " + interface);
  Result<RouteSocket> socket = RouteSocket::open(0);
  if (!socket) return socket.error();
  socket->let_kernel_filter_dumps();
  return NetlinkNetwork(std::move(*socket), index, interface);
}

Status NetlinkNetwork::bring_up() {
  alignas(nlmsghdr) RequestBuffer buffer{};
  nlmsghdr* message = nullptr;
  auto& link = compose<ifinfomsg>(buffer, message, RTM_NEWLINK, 0);
  link.ifi_index = static_cast<int>(index_);
  link.ifi_flags = IFF_UP;
  link.ifi_change = IFF_UP;
  return socket_.request(*message, "cannot bring up " + name_);
}

Status NetlinkNetwork::set_mtu(std::uint32_t mtu) {
  alignas(nlmsghdr) RequestBuffer buffer{};
  nlmsghdr* message = nullptr;
  compose<ifinfomsg>(buffer, message, RTM_NEWLINK, 0).ifi_index = static_cast<int>(index_);
  mnl_attr_put_u32(message, IFLA_MTU, mtu);
  return socket_.request(*message, "cannot set the MTU of " + name_ + " to " + std::to_string(mtu));
}

// --- addresses ---------------------------------------------------------------------------------

Status NetlinkNetwork::set_addresses(const std::vector<IpAddress>& wanted) {
  const auto present = addresses();
  if (!present) return present.error();
  return make_equal<IpAddress>(
      present.value(), {wanted.begin(), wanted.end()},
      [this](const IpAddress& address) {
        Status added = change_address(RTM_NEWADDR, address);
        if (added) added_.insert(address);
        // Somebody else has set it: it is there, and not ours to remove.
        if (!added && added.error().os_errno == EEXIST) return Status();
        if (!added && address.is_v6() && lacks_family(added)) return Status();
        return added;
      },
      [this](const IpAddress& address) {
        Status removed = change_address(RTM_DELADDR, address);
        if (!removed && removed.error().os_errno != EADDRNOTAVAIL) return removed;
        added_.erase(address);
        return Status();
      });
}

Result<std::set<IpAddress>> NetlinkNetwork::addresses() {
  std::set<IpAddress> found;
  const auto visit = [&](const nlmsghdr& answer, std::int32_t) {
    if (answer.nlmsg_type != RTM_NEWADDR) return;
    const auto* header = static_cast<const ifaddrmsg*>(mnl_nlmsg_get_payload(&answer));
    if (header->ifa_index != index_) return;
    IpAddress local;
    IpAddress address;
    std::uint8_t protocol = 0;
    for_each_attribute(answer, sizeof(ifaddrmsg), [&](const nlattr& attribute) {
      const std::uint16_t type = mnl_attr_get_type(&attribute);
      if (type == IFA_LOCAL) local = read_address(attribute, header->ifa_family);
      if (type == IFA_ADDRESS) address = read_address(attribute, header->ifa_family);
      if (type == IFA_PROTO) protocol = read_number<std::uint8_t>(attribute);
    });
    // IPv4 has both, IPv6 the second alone unless the address has a peer.
    if (local.family == IpAddress::Family::none) local = address;
    if (protocol == kRouteProtocol || added_.contains(local)) found.insert(local);
  };
  const Status dumped = repeat_while_changing([&] {
    found.clear();
    alignas(nlmsghdr) RequestBuffer buffer{};
    nlmsghdr* message = nullptr;
    compose<ifaddrmsg>(buffer, message, RTM_GETADDR, NLM_F_DUMP).ifa_index = index_;
    return socket_.request(*message, "cannot list the addresses of " + name_, visit);
  });
  if (!dumped) return dumped.error();
  return found;
}

Status NetlinkNetwork::change_address(std::uint16_t type, const IpAddress& address) {
  const bool add = type == RTM_NEWADDR;
  alignas(nlmsghdr) RequestBuffer buffer{};
  nlmsghdr* message = nullptr;
  auto& header = compose<ifaddrmsg>(buffer, message, type, add ? NLM_F_CREATE | NLM_F_EXCL : 0);
  header.ifa_family = family_of(address);
  header.ifa_prefixlen = static_cast<std::uint8_t>(address.bits());
  header.ifa_index = index_;
  put_address(message, IFA_LOCAL, address);
  put_address(message, IFA_ADDRESS, address);
  if (add) {
    mnl_attr_put_u32(message, IFA_FLAGS, IFA_F_NODAD | IFA_F_NOPREFIXROUTE);
    mnl_attr_put_u8(message, IFA_PROTO, kRouteProtocol);
  }
  Status done = socket_.request(*message, std::string(add ? "cannot add" : "cannot remove") +
                                              " the address " + address.to_string() +
                                              (add ? " to " : " from ") + name_);
  if (!done && add && address.is_v6() && done.error().os_errno == EACCES) {
    return Error{done.error().what + "; IPv6 is switched off there: set net.ipv6.conf." + name_ +
                     ".disable_ipv6 to 0",
                 EACCES};
  }
  return done;
}

// --- routes ------------------------------------------------------------------------------------

Status NetlinkNetwork::set_routes(const std::vector<Prefix>& wanted) {
  Status set = change_routes(wanted);
  for (const std::uint8_t family : kFamilies) {
    const bool has_default = std::any_of(wanted.begin(), wanted.end(), [&](const Prefix& route) {
      return route.length == 0 && family_of(route.address) == family;
    });
    Status rules = set_default_rules(family, has_default);
    if (rules && has_default && family == AF_INET) rules = check_reverse_path();
    if (set && !rules) set = rules;
  }
  return set;
}

Status NetlinkNetwork::check_reverse_path() const {
  std::string names;
  for (const std::string& one : strict_reverse_paths("/proc/sys/net/ipv4/conf", name_)) {
    names += (names.empty() ? "" : ", ") + one;
  }
  if (names.empty()) return {};
  return Error{"expected rp_filter to be 0 or 2 where the default route leads into " + name_ +
                   ", got 1 on " + names +
                   ", by which the kernel drops what members send there: sysctl -w "
                   "net.ipv4.conf.all.rp_filter=2",
               EINVAL};
}

// After the routes: the rules lead nowhere before. Wanted ones are made every time: others may have
// taken them away.
Status NetlinkNetwork::set_default_rules(std::uint8_t family, bool wanted) {
  if (wanted) {
    without_rules_.erase(family);
    Status added = add_default_rules(socket_, family);
    return !added && family == AF_INET6 && lacks_family(added) ? Status() : added;
  }
  if (without_rules_.contains(family)) return {};
  Status removed = remove_default_rules(socket_, family);
  if (removed) without_rules_.insert(family);
  return removed;
}

Status NetlinkNetwork::change_routes(const std::vector<Prefix>& wanted) {
  const auto present = routes();
  if (!present) return present.error();
  return make_equal<Prefix>(
      present.value(), {wanted.begin(), wanted.end()},
      [this](const Prefix& route) {
        Status added = change_route(RTM_NEWROUTE, route);
        if (!added && route.address.is_v6() && lacks_family(added)) return Status();
        if (added || added.error().os_errno != EEXIST) return added;
        return Status(Error{"cannot add the route " + route.to_string() + " through " + name_ +
                                ": expected none with metric " + std::to_string(kRouteMetric) +
                                ", got one that another program made (ip route show " +
                                (route.length == 0 ? "table " + std::to_string(kDefaultRouteTable)
                                                   : route.to_string()) +
                                ")",
                            EEXIST});
      },
      [this](const Prefix& route) {
        Status removed = change_route(RTM_DELROUTE, route);
        return !removed && removed.error().os_errno == ESRCH ? Status() : removed;
      });
}

Result<std::set<Prefix>> NetlinkNetwork::routes() {
  std::set<Prefix> found;
  for (const std::uint8_t family : kFamilies) {
    for (const std::uint32_t table : {std::uint32_t{RT_TABLE_MAIN}, kDefaultRouteTable}) {
      const Status dumped =
          repeat_while_changing([&] { return dump_routes(family, table, found); });
      if (!dumped) return dumped.error();
    }
  }
  return found;
}

// A dump that is repeated may leave a route in `found` that has gone: removing it finds nothing.
Status NetlinkNetwork::dump_routes(std::uint8_t family, std::uint32_t table,
                                   std::set<Prefix>& found) {
  alignas(nlmsghdr) RequestBuffer buffer{};
  nlmsghdr* message = nullptr;
  auto& filter = compose<rtmsg>(buffer, message, RTM_GETROUTE, NLM_F_DUMP);
  filter.rtm_family = family;
  filter.rtm_protocol = kRouteProtocol;
  mnl_attr_put_u32(message, RTA_TABLE, table);
  mnl_attr_put_u32(message, RTA_OIF, index_);
  const auto visit = [&](const nlmsghdr& answer, std::int32_t) {
    if (answer.nlmsg_type != RTM_NEWROUTE) return;
    const auto* header = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(&answer));
    if (header->rtm_family != family || header->rtm_protocol != kRouteProtocol) return;
    constexpr std::array<std::uint8_t, 16> kNothing{};
    IpAddress to =
        family == AF_INET ? IpAddress::v4(kNothing.data()) : IpAddress::v6(kNothing.data());
    std::uint32_t through = 0;
    std::uint32_t in = 0;
    for_each_attribute(answer, sizeof(rtmsg), [&](const nlattr& attribute) {
      const std::uint16_t type = mnl_attr_get_type(&attribute);
      if (type == RTA_DST) to = read_address(attribute, family);
      if (type == RTA_OIF) through = read_number<std::uint32_t>(attribute);
      if (type == RTA_TABLE) in = read_number<std::uint32_t>(attribute);
    });
    if (through == index_ && in == table) found.insert({to, header->rtm_dst_len});
  };
  Status dumped = socket_.request(*message, "cannot list the routes through " + name_, visit);
  // A filter that matches nothing, or a kernel without this family: no routes.
  if (!dumped && (dumped.error().os_errno == ENOENT || lacks_family(dumped))) return {};
  return dumped;
}

Status NetlinkNetwork::change_route(std::uint16_t type, const Prefix& route) {
  const bool add = type == RTM_NEWROUTE;
  alignas(nlmsghdr) RequestBuffer buffer{};
  nlmsghdr* message = nullptr;
  auto& header = compose<rtmsg>(buffer, message, type, add ? NLM_F_CREATE | NLM_F_EXCL : 0);
  header.rtm_family = family_of(route.address);
  header.rtm_dst_len = route.length;
  header.rtm_protocol = kRouteProtocol;
  header.rtm_scope = route.address.is_v4() ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  header.rtm_type = RTN_UNICAST;
  if (route.length != 0) put_address(message, RTA_DST, route.address);
  mnl_attr_put_u32(message, RTA_TABLE, route.length == 0 ? kDefaultRouteTable : RT_TABLE_MAIN);
  mnl_attr_put_u32(message, RTA_OIF, index_);
  mnl_attr_put_u32(message, RTA_PRIORITY, kRouteMetric);
  return socket_.request(*message, std::string(add ? "cannot add" : "cannot remove") +
                                       " the route " + route.to_string() + " through " + name_);
}

}  // namespace xm
