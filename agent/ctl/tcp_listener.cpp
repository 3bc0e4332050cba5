#include "agent/ctl/tcp_listener.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <utility>

namespace xm {
namespace {

constexpr int kBacklog = 16;

}  // namespace

Result<Fd> listen_on_tcp(const Endpoint& address) {
  const auto failed = [&] {
    return errno_error("cannot listen on " + address.to_string() +
                       " (expected an address of this machine and a free port)");
  };
  sockaddr_storage name{};
  const socklen_t length = address.to_sockaddr(name);
  Fd fd(::socket(name.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return failed();
  const int on = 1;
  // A successor binds while connections of its predecessor linger.
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0) return failed();
  if (name.ss_family == AF_INET6 &&
      ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0) {
    return failed();
  }
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), length) < 0) return failed();
  if (::listen(fd.get(), kBacklog) < 0) return failed();
  return fd;
}

}  // namespace xm
