// The UDP sockets of one port: a listener for each address family, and connected sockets beside
// them for the busiest peers (the kernel prefers a connected socket for its peer's datagrams).
//
// All sockets live in the network namespace of the thread that opens them.
#pragma once

#include <cstdint>
#include <memory>

#include "agent/io/udp_socket.hpp"
#include "xdpmesh/addr.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

struct UdpOptions {
  std::uint32_t mark = 0;                // SO_MARK; 0: none
  int receive_buffer = 7 * 1024 * 1024;  // bytes asked for
  int send_buffer = 7 * 1024 * 1024;
  int busy_poll_microseconds = 0;  // SO_BUSY_POLL; 0: off
};

// What the kernel gave; the worse of the two families.
struct UdpCapabilities {
  bool segmentation_offload = false;  // UDP_SEGMENT, Linux 4.18
  bool receive_offload = false;       // UDP_GRO, Linux 5.0
  bool busy_poll = false;
  int receive_buffer = 0;  // bytes, as the kernel counts them: twice the asked
  int send_buffer = 0;
};

// Thread: the control thread. The sockets may be used by any thread as DatagramSocket says.
class UdpListeners {
 public:
  // Binds `port` on IPv4 and IPv6, or a port that is free on both when it is 0. A port that another
  // socket has is an error (EADDRINUSE). A machine without one of the families gets the other.
  // `syscalls` outlives the sockets.
  [[nodiscard]] static Result<std::unique_ptr<UdpListeners>> open(std::uint16_t port,
                                                                  const UdpOptions& options,
                                                                  Syscalls& syscalls);

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] const UdpCapabilities& capabilities() const { return capabilities_; }
  // Null when the machine lacks the family. Borrowed.
  [[nodiscard]] UdpSocket* v4() const { return v4_.get(); }
  [[nodiscard]] UdpSocket* v6() const { return v6_.get(); }
  [[nodiscard]] UdpSocket* of_family(IpAddress::Family family) const {
    return family == IpAddress::Family::v4 ? v4() : v6();
  }

  // Of both listeners and of connected sockets opened from now on. The caller sets it on the
  // connected sockets that it holds (UdpSocket::set_mark).
  [[nodiscard]] Status set_mark(std::uint32_t mark);

  // A socket on the same port, connected to `remote`; bound to `local` unless its family is none.
  // `interface_index` matters for a link-local `local` only. Datagrams of others that arrived
  // between bind and connect are in it too: read it as any other. Destroyed before this object;
  // drain it (receive until empty) first.
  [[nodiscard]] Result<std::unique_ptr<UdpSocket>> open_connected(const Endpoint& remote,
                                                                  const IpAddress& local,
                                                                  std::uint32_t interface_index);

 private:
  UdpListeners(const UdpOptions& options, Syscalls& syscalls)
      : options_(options), syscalls_(syscalls) {}

  [[nodiscard]] Status bind_pair(std::uint16_t port);

  UdpOptions options_;
  Syscalls& syscalls_;
  std::uint16_t port_ = 0;
  UdpCapabilities capabilities_;
  std::unique_ptr<UdpSocket> v4_;
  std::unique_ptr<UdpSocket> v6_;
};

}  // namespace xm
