// `xdp-mesh netcheck`: what the network allows, as STUN servers see it.
#pragma once

#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "agent/crypto/random.hpp"
#include "agent/ctl/netcheck_report.hpp"
#include "agent/io/local_addresses.hpp"
#include "agent/store/config.hpp"
#include "xdpmesh/addr.hpp"
#include "xdpmesh/clock.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

struct NetcheckCommand {
  std::string what;            // an interface, or its configuration file; empty: none
  std::string directory;       // of NAME.toml
  std::vector<HostPort> stun;  // beside those of the configuration
  bool json = false;
};

// The network as netcheck meets it: one port of each family, and the name service.
class NetcheckEdge {
 public:
  virtual ~NetcheckEdge() = default;

  struct Received {
    std::vector<std::uint8_t> bytes;
    Endpoint from;
  };

  [[nodiscard]] virtual Result<std::vector<IpAddress>> resolve(const std::string& host) = 0;
  [[nodiscard]] virtual Result<std::vector<LocalAddress>> local() = 0;
  // Why a datagram to there finds no way out; empty when it does. Sends nothing.
  [[nodiscard]] virtual std::string route_fault(const Endpoint& to) = 0;
  // 0, or the errno.
  [[nodiscard]] virtual int send(const Endpoint& to, Bytes datagram) = 0;
  // The next datagram of either port, or nothing at the deadline.
  [[nodiscard]] virtual std::optional<Received> receive(Instant deadline) = 0;
  [[nodiscard]] virtual Instant now() = 0;
};

// Asks all servers, each at its first address of each family, until all have answered or failed:
// six seconds at most beside what the name service takes. Addresses in `inside` are left out of
// what is local.
[[nodiscard]] Result<NetcheckReport> check_network(const std::vector<HostPort>& servers,
                                                   const std::vector<Prefix>& inside,
                                                   NetcheckEdge& edge, Random& random);

// Does it, prints the report, returns the exit code: 0 when UDP works in IPv4 or IPv6.
[[nodiscard]] int run_netcheck(const NetcheckCommand& command, NetcheckEdge& edge, std::FILE* out,
                               std::FILE* err);

}  // namespace xm
