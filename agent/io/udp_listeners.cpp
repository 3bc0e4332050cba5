#include "agent/io/udp_listeners.hpp"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

namespace xm {
namespace {

using Family = IpAddress::Family;

// How often a port that is free on IPv4 may turn out to be taken on IPv6.
constexpr int kFreePortAttempts = 100;

bool set_option(const Fd& socket, int level, int option, int value) {
  return setsockopt(socket.get(), level, option, &value, sizeof value) == 0;
}

int get_option(const Fd& socket, int level, int option) {
  int value = 0;
  socklen_t length = sizeof value;
  return getsockopt(socket.get(), level, option, &value, &length) == 0 ? value : -1;
}

// Tries past the system's limit first (CAP_NET_ADMIN), then up to it.
int set_buffer(const Fd& socket, int force, int option, int bytes) {
  if (!set_option(socket, SOL_SOCKET, force, bytes)) set_option(socket, SOL_SOCKET, option, bytes);
  return get_option(socket, SOL_SOCKET, option);
}

const char* name_of(Family family) {
  return family == Family::v4 ? "IPv4" : "IPv6";
}

// An unbound socket with every option but SO_REUSEPORT.
Result<Fd> open_socket(Family family, const UdpOptions& options, UdpCapabilities& got) {
  const bool v4 = family == Family::v4;
  Fd socket(::socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return errno_error(std::string("cannot open an ") + name_of(family) + " UDP socket");

  bool ok = true;
  if (v4) {
    ok = set_option(socket, IPPROTO_IP, IP_PKTINFO, 1) &&
         set_option(socket, IPPROTO_IP, IP_RECVTOS, 1) &&
         set_option(socket, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
  } else {
    ok = set_option(socket, IPPROTO_IPV6, IPV6_V6ONLY, 1) &&
         set_option(socket, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) &&
         set_option(socket, IPPROTO_IPV6, IPV6_RECVTCLASS, 1) &&
         set_option(socket, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT);
  }
  if (!ok) return errno_error(std::string("cannot prepare an ") + name_of(family) + " UDP socket");
  if (options.mark != 0 &&
      !set_option(socket, SOL_SOCKET, SO_MARK, static_cast<int>(options.mark))) {
    return errno_error("cannot set the firewall mark of a UDP socket (it needs CAP_NET_ADMIN)");
  }

  // What follows makes it faster and may be missing.
  got.receive_buffer = set_buffer(socket, SO_RCVBUFFORCE, SO_RCVBUF, options.receive_buffer);
  got.send_buffer = set_buffer(socket, SO_SNDBUFFORCE, SO_SNDBUF, options.send_buffer);
  got.receive_offload = set_option(socket, IPPROTO_UDP, UDP_GRO, 1);
  got.segmentation_offload = get_option(socket, IPPROTO_UDP, UDP_SEGMENT) >= 0;
  got.busy_poll = options.busy_poll_microseconds > 0 &&
                  set_option(socket, SOL_SOCKET, SO_BUSY_POLL, options.busy_poll_microseconds);
  return socket;
}

// `local` alone decides the address; any when its family is none.
Status bind_to(const Fd& socket, Family family, const IpAddress& local, std::uint32_t scope,
               std::uint16_t port) {
  Endpoint at{local, port, 0};
  if (local.family == Family::none) at.address.family = family;
  if (family == Family::v6 && local.octets[0] == 0xfe && (local.octets[1] & 0xc0) == 0x80) {
    at.scope = scope;
  }
  sockaddr_storage name{};
  const socklen_t length = at.to_sockaddr(name);
  if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&name), length) != 0) {
    const int error = errno;
    return errno_error("cannot bind UDP " + at.to_string() +
                           (error == EADDRINUSE ? " (another socket has the port)" : ""),
                       error);
  }
  return {};
}

std::uint16_t port_of(const Fd& socket) {
  sockaddr_storage name{};
  socklen_t length = sizeof name;
  getsockname(socket.get(), reinterpret_cast<sockaddr*>(&name), &length);
  return Endpoint::from_sockaddr(name).port;
}

UdpCapabilities worse_of(const UdpCapabilities& a, const UdpCapabilities& b) {
  return {a.segmentation_offload && b.segmentation_offload, a.receive_offload && b.receive_offload,
          a.busy_poll && b.busy_poll, std::min(a.receive_buffer, b.receive_buffer),
          std::min(a.send_buffer, b.send_buffer)};
}

}  // namespace

Result<std::unique_ptr<UdpListeners>> UdpListeners::open(std::uint16_t port,
                                                         const UdpOptions& options,
                                                         Syscalls& syscalls) {
  std::unique_ptr<UdpListeners> listeners(new UdpListeners(options, syscalls));
  Status bound = listeners->bind_pair(port);
  for (int attempt = 1; port == 0 && !bound.ok() && bound.error().os_errno == EADDRINUSE &&
                        attempt < kFreePortAttempts;
       ++attempt) {
    bound = listeners->bind_pair(0);
  }
  if (!bound) return bound.error();
  return listeners;
}

Status UdpListeners::bind_pair(std::uint16_t port) {
  const auto is_absent = [](const Result<Fd>& socket) {
    return !socket.ok() && socket.error().os_errno == EAFNOSUPPORT;
  };
  UdpCapabilities got4;
  UdpCapabilities got6;
  Result<Fd> v4 = open_socket(Family::v4, options_, got4);
  Result<Fd> v6 = open_socket(Family::v6, options_, got6);
  if (!v4 && !(is_absent(v4) && v6.ok())) return v4.error();
  if (!v6 && !is_absent(v6)) return v6.error();

  // Without SO_REUSEPORT at first: otherwise a second agent would silently share the port.
  for (const auto& [socket, family] : {std::pair(&v4, Family::v4), std::pair(&v6, Family::v6)}) {
    if (!socket->ok()) continue;
    if (Status bound = bind_to(**socket, family, {}, 0, port); !bound) return bound;
    port = port_of(**socket);
    // From here on connected sockets may join.
    if (!set_option(**socket, SOL_SOCKET, SO_REUSEPORT, 1)) {
      return errno_error("cannot share the UDP port with connected sockets");
    }
  }

  port_ = port;
  v4_ = v4 ? std::make_unique<UdpSocket>(std::move(*v4), Family::v4, nullptr,
                                         got4.segmentation_offload, syscalls_)
           : nullptr;
  v6_ = v6 ? std::make_unique<UdpSocket>(std::move(*v6), Family::v6, nullptr,
                                         got6.segmentation_offload, syscalls_)
           : nullptr;
  capabilities_ = !v6 ? got4 : !v4 ? got6 : worse_of(got4, got6);
  return {};
}

Status UdpListeners::set_mark(std::uint32_t mark) {
  for (UdpSocket* socket : {v4(), v6()}) {
    if (socket == nullptr) continue;
    if (Status set = socket->set_mark(mark); !set) return set;
  }
  options_.mark = mark;
  return {};
}

Result<std::unique_ptr<UdpSocket>> UdpListeners::open_connected(const Endpoint& remote,
                                                                const IpAddress& local,
                                                                std::uint32_t interface_index) {
  const Family family = remote.address.family;
  UdpSocket* listener = of_family(family);
  if (!remote.is_set() || listener == nullptr) {
    return Error{"no UDP socket of the address family of " + remote.to_string(), EAFNOSUPPORT};
  }
  UdpCapabilities got;
  Result<Fd> socket = open_socket(family, options_, got);
  if (!socket) return socket.error();
  if (!set_option(*socket, SOL_SOCKET, SO_REUSEPORT, 1)) {
    return errno_error("cannot share the UDP port with the listener");
  }
  const IpAddress source = local.family == family ? local : IpAddress{};
  if (Status bound = bind_to(*socket, family, source, interface_index, port_); !bound) {
    return bound.error();
  }
  auto connected = std::make_unique<UdpSocket>(std::move(*socket), family, listener,
                                               got.segmentation_offload, syscalls_);
  if (Status done = connected->reconnect(remote); !done) return done.error();
  return connected;
}

}  // namespace xm
