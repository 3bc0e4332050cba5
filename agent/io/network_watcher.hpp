// Tells when the network around the process changed (addresses, routes, rules, links): then sticky
// source addresses may be wrong, connected sockets point along old routes, and GSO is worth another
// try. Changes come in bursts and are reported once a burst. What is announced again as it was is
// no change: a router's advertisement renews the lifetimes of addresses every few seconds, and
// drivers tell of a link more often than it changes. The kernel does not announce a path MTU that
// it learnt; what is refused for that reason is tried again after kGsoRetryAfter.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "agent/io/burst.hpp"
#include "agent/io/rtnetlink.hpp"
#include "xdpmesh/addr.hpp"
#include "xdpmesh/clock.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// Thread: the control thread. Watches the network namespace of the thread that opens it.
class NetworkWatcher {
 public:
  [[nodiscard]] static Result<NetworkWatcher> open();

  // To poll for reading; then call read().
  [[nodiscard]] int fd() const { return events_.fd(); }
  void read(Instant now);

  // When take_change() will say yes; kFarFuture when nothing has happened.
  [[nodiscard]] Instant due() const { return burst_.due(); }
  // True once a burst.
  [[nodiscard]] bool take_change(Instant now) { return burst_.take(now); }

 private:
  // Interface, address and the length of its prefix.
  using AddressKey = std::tuple<std::uint32_t, IpAddress, std::uint8_t>;
  // What of a link matters to others.
  struct Link {
    std::uint32_t flags = 0;  // IFF_UP, IFF_RUNNING, IFF_LOWER_UP
    std::uint32_t mtu = 0;
    std::uint32_t master = 0;
    std::string name;
    bool operator==(const Link&) const = default;
  };

  explicit NetworkWatcher(RouteSocket events) : events_(std::move(events)) {}

  // Whether a message tells something new.
  [[nodiscard]] bool note(const nlmsghdr& message);
  [[nodiscard]] bool note_address(const nlmsghdr& message);
  [[nodiscard]] bool note_link(const nlmsghdr& message);

  RouteSocket events_;
  Burst burst_;
  // As they were announced last.
  std::map<AddressKey, std::uint32_t> addresses_;  // -> IFA_F_*
  std::map<std::uint32_t, Link> links_;
};

}  // namespace xm
