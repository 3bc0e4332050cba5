// SIGINT, SIGTERM and SIGHUP as something to be asked for, so that whatever waits can tidy up.
// Thread: one, the process's only one.
#pragma once

#include <csignal>

#include "xdpmesh/clock.hpp"
#include "xdpmesh/fd.hpp"
#include "xdpmesh/result.hpp"

namespace xm::bench {

// The three, for sigprocmask and signalfd.
[[nodiscard]] sigset_t interrupt_signals();

class Interrupts {
 public:
  // Expects the signals to be blocked already (agent/bench/containment.hpp does).
  [[nodiscard]] static Result<Interrupts> open();

  // One of them came, now or before.
  [[nodiscard]] bool requested();

  // Until `fd` is readable (true), `limit` has passed or an interrupt is there (false). With -1 it
  // only sleeps.
  bool wait_readable(int fd, Duration limit);

 private:
  explicit Interrupts(Fd signals) : signals_(std::move(signals)) {}

  Fd signals_;
  bool requested_ = false;
};

// What an operation returns that an interrupt ended.
[[nodiscard]] inline Error interrupted() {
  return {"interrupted", EINTR};
}

}  // namespace xm::bench
