// The network of this machine for netcheck: two UDP sockets of its own, on ports that the kernel
// picks, so that it does not matter whether an agent runs.
#pragma once

#include <array>
#include <memory>

#include "agent/cli/netcheck.hpp"
#include "agent/io/resolver.hpp"
#include "xdpmesh/fd.hpp"

namespace xm {

class NetcheckSockets final : public NetcheckEdge {
 public:
  NetcheckSockets();

  [[nodiscard]] Result<std::vector<IpAddress>> resolve(const std::string& host) override;
  [[nodiscard]] Result<std::vector<LocalAddress>> local() override { return local_addresses(); }
  [[nodiscard]] std::string route_fault(const Endpoint& to) override;
  [[nodiscard]] int send(const Endpoint& to, Bytes datagram) override;
  [[nodiscard]] std::optional<Received> receive(Instant deadline) override;
  [[nodiscard]] Instant now() override { return clock_.now(); }

 private:
  // One that could not be had stays closed, and every send on it says why.
  struct Socket {
    Fd fd;
    int error = 0;
  };

  [[nodiscard]] Socket& socket_of(IpAddress::Family family) {
    return sockets_[family == IpAddress::Family::v6 ? 1 : 0];
  }

  SystemClock clock_;
  std::unique_ptr<Resolver> resolver_;
  std::array<Socket, 2> sockets_;
};

}  // namespace xm
