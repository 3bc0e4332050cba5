// Tells when the network around the process changed (addresses, routes, rules, links): then sticky
// source addresses may be wrong, connected sockets point along old routes, and GSO is worth another
// try. Changes come in bursts and are reported once a burst. The kernel does not announce a path
// MTU that it learnt; what is refused for that reason is tried again after kGsoRetryAfter.
#pragma once

#include "agent/io/burst.hpp"
#include "agent/io/rtnetlink.hpp"
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
  explicit NetworkWatcher(RouteSocket events) : events_(std::move(events)) {}

  RouteSocket events_;
  Burst burst_;
};

}  // namespace xm
