// A network namespace for one test: a thread that has left the machine's. It goes with the thread
// and the sockets that were opened in it.
#pragma once

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <exception>
#include <functional>
#include <string>
#include <thread>

#include "agent/io/rtnetlink.hpp"
#include "tests/support/skip.hpp"
#include "xdpmesh/fd.hpp"

namespace xm::test {

// Flags and MTU of an interface in the calling thread's namespace.
inline bool set_up(const std::string& name, bool up) {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM, 0));
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  if (ioctl(socket.get(), SIOCGIFFLAGS, &request) != 0) return false;
  request.ifr_flags =
      static_cast<short>(up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
  return ioctl(socket.get(), SIOCSIFFLAGS, &request) == 0;
}

inline bool set_interface_mtu(const std::string& name, int mtu) {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM, 0));
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_mtu = mtu;
  return ioctl(socket.get(), SIOCSIFMTU, &request) == 0;
}

inline int interface_mtu(const std::string& name) {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM, 0));
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  return ioctl(socket.get(), SIOCGIFMTU, &request) == 0 ? request.ifr_mtu : -1;
}

inline bool delete_interface(const std::string& name) {
  auto socket = RouteSocket::open(0);
  if (!socket) return false;
  alignas(nlmsghdr) std::array<char, 256> buffer{};
  nlmsghdr* message = mnl_nlmsg_put_header(buffer.data());
  message->nlmsg_type = RTM_DELLINK;
  mnl_nlmsg_put_extra_header(message, sizeof(ifinfomsg));
  mnl_attr_put_strz(message, IFLA_IFNAME, name.c_str());
  return socket->request(*message, "delete").ok();
}

inline Fd current_namespace() {
  return Fd(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
}

// Runs `body` in a thread of its own after `enter`, which may say no; hands on what it throws, so
// that REQUIRE works inside.
inline bool in_thread(const std::function<bool()>& enter, const std::function<void()>& body) {
  bool entered = false;
  std::exception_ptr thrown;
  std::thread inside([&] {
    entered = enter();
    try {
      if (entered) body();
    } catch (...) {
      thrown = std::current_exception();
    }
  });
  inside.join();
  if (thrown) std::rethrow_exception(thrown);
  return entered;
}

// Runs `body` in a fresh namespace whose loopback is up; false when that is not permitted.
inline bool in_own_namespace(const std::function<void()>& body) {
  return in_thread([] { return unshare(CLONE_NEWNET) == 0 && set_up("lo", true); }, body);
}

// Runs `body` in the namespace of `descriptor`; false when that is not permitted.
inline bool in_namespace(int descriptor, const std::function<void()>& body) {
  return in_thread([&] { return setns(descriptor, CLONE_NEWNET) == 0; }, body);
}

}  // namespace xm::test

// Skips the case where namespaces are not permitted.
#define XM_NEEDS_NAMESPACES()                                                     \
  do {                                                                            \
    if (!::xm::test::in_own_namespace([] {})) {                                   \
      XM_SKIP("no permission to make a network namespace (needs CAP_SYS_ADMIN)"); \
    }                                                                             \
  } while (false)

// The same, and where there is no TUN driver.
#define XM_NEEDS_TUN()                                           \
  do {                                                           \
    XM_NEEDS_NAMESPACES();                                       \
    if (access("/dev/net/tun", R_OK | W_OK) != 0) {              \
      XM_SKIP("/dev/net/tun is missing or closed to this user"); \
    }                                                            \
  } while (false)
