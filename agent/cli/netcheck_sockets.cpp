#include "agent/cli/netcheck_sockets.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "agent/io/routing_rules.hpp"

namespace xm {
namespace {

using Family = IpAddress::Family;

constexpr std::size_t kMaxDatagram = 2048;

int domain_of(Family family) {
  return family == Family::v6 ? AF_INET6 : AF_INET;
}

}  // namespace

NetcheckSockets::NetcheckSockets() : resolver_(system_resolver()) {
  for (const Family family : {Family::v4, Family::v6}) {
    Socket& socket = socket_of(family);
    socket.fd = Fd(::socket(domain_of(family), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket.fd) socket.error = errno;
    // Past a tunnel that has the default route, as the agent's own; not allowed to everybody.
    (void)::setsockopt(socket.fd.get(), SOL_SOCKET, SO_MARK, &kOwnMark, sizeof kOwnMark);
    const int on = 1;
    if (family == Family::v6 && socket.fd &&
        ::setsockopt(socket.fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0) {
      socket.error = errno;
      socket.fd = Fd();
    }
  }
}

Result<std::vector<IpAddress>> NetcheckSockets::resolve(const std::string& host) {
  if (const auto address = IpAddress::parse(host)) return std::vector<IpAddress>{*address};
  return resolver_->addresses(host);
}

// Connecting looks for the route.
std::string NetcheckSockets::route_fault(const Endpoint& to) {
  const Fd probe(::socket(domain_of(to.address.family), SOCK_DGRAM | SOCK_CLOEXEC, 0));
  (void)::setsockopt(probe.get(), SOL_SOCKET, SO_MARK, &kOwnMark, sizeof kOwnMark);
  sockaddr_storage storage;
  const socklen_t length = to.to_sockaddr(storage);
  if (probe && ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&storage), length) == 0) {
    return {};
  }
  return std::strerror(errno);  // NOLINT(concurrency-mt-unsafe): glibc's answers are static text
}

int NetcheckSockets::send(const Endpoint& to, Bytes datagram) {
  const Socket& socket = socket_of(to.address.family);
  if (!socket.fd) return socket.error;
  sockaddr_storage storage;
  const socklen_t length = to.to_sockaddr(storage);
  const ssize_t sent = ::sendto(socket.fd.get(), datagram.data(), datagram.size(), 0,
                                reinterpret_cast<const sockaddr*>(&storage), length);
  return sent < 0 ? errno : 0;
}

std::optional<NetcheckEdge::Received> NetcheckSockets::receive(Instant deadline) {
  std::array<pollfd, 2> ready{};
  for (std::size_t i = 0; i < ready.size(); ++i) ready[i] = {sockets_[i].fd.get(), POLLIN, 0};
  const Duration left = std::max(deadline - clock_.now(), Duration(0));
  // Rounded up, so that the deadline has come when nothing else has.
  const auto timeout = std::chrono::ceil<std::chrono::milliseconds>(std::min(left, Duration(60s)));
  if (::poll(ready.data(), ready.size(), static_cast<int>(timeout.count())) <= 0) return {};
  for (const pollfd& one : ready) {
    if (one.revents == 0) continue;
    Received received;
    received.bytes.resize(kMaxDatagram);
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    const ssize_t size = ::recvfrom(one.fd, received.bytes.data(), received.bytes.size(), 0,
                                    reinterpret_cast<sockaddr*>(&storage), &length);
    if (size < 0) continue;  // an ICMP error's, or gone again: the schedule goes on
    received.bytes.resize(static_cast<std::size_t>(size));
    received.from = Endpoint::from_sockaddr(storage);
    return received;
  }
  return {};
}

}  // namespace xm
