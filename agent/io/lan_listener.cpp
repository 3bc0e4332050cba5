#include "agent/io/lan_listener.hpp"

#include <linux/if.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace xm {
namespace {

// RFC 4291, 2.7: transient, link-local.
constexpr const char* kGroupV6 = "ff12::786d";
constexpr const char* kGroupV4 = "239.192.120.109";

// A machine with more is a router or a host of containers; its first ones will do.
constexpr std::size_t kMaxInterfaces = 64;

group_req membership(const Endpoint& group, std::uint32_t interface) {
  group_req request{};
  request.gr_interface = interface;
  (void)group.to_sockaddr(request.gr_group);
  return request;
}

int level_of(const Endpoint& group) {
  return group.address.is_v4() ? static_cast<int>(IPPROTO_IP) : IPPROTO_IPV6;
}

// Several agents may have one at the same time, and each hears everything. IPv4's is bound to the
// group itself, so that it hears nothing else; a link-local group of IPv6 would bind the socket to
// one interface, so there the destination is looked at.
Result<Fd> open_socket(const Endpoint& group) {
  const bool v4 = group.address.is_v4();
  Fd socket(::socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return errno_error("cannot open a socket for discovery");
  const int on = 1;
  const int off = 0;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (v4) {
    ::setsockopt(socket.get(), IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
    ::setsockopt(socket.get(), IPPROTO_IP, IP_MULTICAST_ALL, &off, sizeof off);
  } else {
    ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
    ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_MULTICAST_ALL, &off, sizeof off);
  }
  Endpoint local = group;
  if (!v4) local.address.octets.fill(0);
  sockaddr_storage at{};
  const socklen_t length = local.to_sockaddr(at);
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&at), length) != 0) {
    return errno_error("cannot listen for discovery at " + local.to_string());
  }
  return socket;
}

// The interface by which a datagram came to its group (IP_PKTINFO, IPV6_PKTINFO); 0 when it came to
// another address.
std::uint32_t arrival_interface(msghdr& header) {
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr;
       control = CMSG_NXTHDR(&header, control)) {
    if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
      in_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(control), sizeof info);
      return static_cast<std::uint32_t>(info.ipi_ifindex);
    }
    if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(control), sizeof info);
      const auto to = IpAddress::v6(reinterpret_cast<const std::uint8_t*>(&info.ipi6_addr));
      return to == lan_group_v6(0).address ? info.ipi6_ifindex : 0;
    }
  }
  return 0;
}

}  // namespace

Endpoint lan_group_v4() {
  return {*IpAddress::parse(kGroupV4), kLanPort, 0};
}

Endpoint lan_group_v6(std::uint32_t interface) {
  return {*IpAddress::parse(kGroupV6), kLanPort, interface};
}

Result<std::unique_ptr<LanListener>> LanListener::open(std::string own_interface) {
  // Addresses too: without one of its family an interface may refuse a group.
  auto events = RouteSocket::open(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR);
  if (!events) return events.error();
  auto requests = RouteSocket::open(0);
  if (!requests) return requests.error();
  std::unique_ptr<LanListener> listener(
      new LanListener(std::move(own_interface), std::move(*events), std::move(*requests)));
  auto v4 = open_socket(lan_group_v4());
  auto v6 = open_socket(lan_group_v6(0));
  // A machine may have been made without one of the two; whatever else is wrong is wrong for both.
  if (!v4 && (!v6 || v4.error().os_errno != EAFNOSUPPORT)) return v4.error();
  if (!v6 && v6.error().os_errno != EAFNOSUPPORT) return v6.error();
  if (v4) listener->v4_ = std::move(*v4);
  if (v6) listener->v6_ = std::move(*v6);

  listener->readable_ = Fd(::epoll_create1(EPOLL_CLOEXEC));
  for (const int fd : {listener->events_.fd(), listener->v4_.get(), listener->v6_.get()}) {
    epoll_event event{};
    event.events = EPOLLIN;
    if (fd >= 0 && ::epoll_ctl(listener->readable_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
      return errno_error("cannot watch the sockets for discovery");
    }
  }
  listener->look_at_interfaces();
  return listener;
}

bool LanListener::refresh() {
  bool concerned = false;
  const bool complete = events_.drain([&](const nlmsghdr&, std::int32_t) { concerned = true; });
  if (!concerned && complete) return false;
  const std::vector<LanInterface> before = interfaces_;
  look_at_interfaces();
  return interfaces_ != before;
}

void LanListener::look_at_interfaces() {
  std::vector<LanInterface> now = list_interfaces();
  fault_.clear();
  for (const LanInterface& former : interfaces_) {
    const auto same = std::find_if(now.begin(), now.end(), [&](const LanInterface& interface) {
      return interface.index == former.index;
    });
    if (same == now.end()) leave(former);
  }
  // Joining once more where it is joined already is refused and harmless.
  for (LanInterface& interface : now) {
    interface.v4 = join(v4_, interface);
    interface.v6 = join(v6_, interface);
  }
  std::erase_if(now, [](const LanInterface& interface) { return !interface.v4 && !interface.v6; });
  interfaces_ = std::move(now);
}

std::vector<LanInterface> LanListener::list_interfaces() {
  std::vector<LanInterface> found;
  const auto visit = [&](const nlmsghdr& answer, std::int32_t) {
    if (answer.nlmsg_type != RTM_NEWLINK || found.size() == kMaxInterfaces) return;
    const auto* link = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(&answer));
    constexpr unsigned kWanted = IFF_UP | IFF_MULTICAST;
    if ((link->ifi_flags & kWanted) != kWanted || (link->ifi_flags & IFF_LOOPBACK) != 0) return;
    LanInterface interface;
    interface.index = static_cast<std::uint32_t>(link->ifi_index);
    for_each_attribute(answer, sizeof(ifinfomsg), [&](const nlattr& attribute) {
      if (mnl_attr_get_type(&attribute) == IFLA_IFNAME &&
          mnl_attr_validate(&attribute, MNL_TYPE_NUL_STRING) >= 0) {
        interface.name = mnl_attr_get_str(&attribute);
      }
    });
    if (interface.name != own_interface_) found.push_back(std::move(interface));
  };
  alignas(nlmsghdr) std::array<char, 256> buffer{};
  nlmsghdr* message = mnl_nlmsg_put_header(buffer.data());
  message->nlmsg_type = RTM_GETLINK;
  message->nlmsg_flags = NLM_F_DUMP;
  mnl_nlmsg_put_extra_header(message, sizeof(ifinfomsg));
  // What changed meanwhile is announced, and looked at then.
  if (const Status listed = requests_.request(*message, "cannot list the interfaces", visit);
      !listed && listed.error().os_errno != EAGAIN) {
    fault_ = listed.error().what;
  }
  return found;
}

bool LanListener::join(const Fd& socket, const LanInterface& interface) {
  if (!socket) return false;
  const Endpoint group = &socket == &v4_ ? lan_group_v4() : lan_group_v6(interface.index);
  const group_req request = membership(group, interface.index);
  if (::setsockopt(socket.get(), level_of(group), MCAST_JOIN_GROUP, &request, sizeof request) ==
          0 ||
      errno == EADDRINUSE) {
    return true;
  }
  // Without this family on the interface there is nobody to hear.
  if (errno != ENODEV && errno != EADDRNOTAVAIL && errno != EINVAL) {
    const char* limit = errno == ENOBUFS ? " (net.ipv4.igmp_max_memberships)" : "";
    fault_ = errno_error("cannot listen for discovery on " + interface.name + limit).what;
  }
  return false;
}

void LanListener::leave(const LanInterface& interface) {
  // Of an interface that is gone the kernel has let go by itself.
  const group_req four = membership(lan_group_v4(), interface.index);
  if (interface.v4) {
    ::setsockopt(v4_.get(), IPPROTO_IP, MCAST_LEAVE_GROUP, &four, sizeof four);
  }
  const group_req six = membership(lan_group_v6(interface.index), interface.index);
  if (interface.v6) {
    ::setsockopt(v6_.get(), IPPROTO_IPV6, MCAST_LEAVE_GROUP, &six, sizeof six);
  }
}

std::optional<LanDatagram> LanListener::receive() {
  auto datagram = receive_from(v4_);
  return datagram ? datagram : receive_from(v6_);
}

std::optional<LanDatagram> LanListener::receive_from(const Fd& socket) {
  while (socket) {
    sockaddr_storage from{};
    iovec payload{buffer_.data(), buffer_.size()};
    alignas(cmsghdr) std::array<char, 128> control{};
    msghdr header{};
    header.msg_name = &from;
    header.msg_namelen = sizeof from;
    header.msg_iov = &payload;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    const ssize_t length = ::recvmsg(socket.get(), &header, 0);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return std::nullopt;
    const auto size = static_cast<std::size_t>(length);
    const std::uint32_t interface = arrival_interface(header);
    // No hello. The descriptor stays readable while more waits.
    if (size > kMaxDatagram || interface == 0) return std::nullopt;
    return LanDatagram{Bytes(buffer_.data(), size), Endpoint::from_sockaddr(from), interface};
  }
  return std::nullopt;
}

}  // namespace xm
