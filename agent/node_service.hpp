// What a service manager is told (sd_notify(3)): that the agent serves, that it lives, that it
// ends. Where none listens, nothing is sent.
#pragma once

#include "xdpmesh/clock.hpp"

namespace xm {

// Thread: the control thread.
class ServiceManager {
 public:
  // Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. A process in the background of its own is
  // not the one that is watched.
  ServiceManager();

  void ready();
  void stopping();

  // A watchdog waits for beats.
  [[nodiscard]] bool wants_beats() const { return interval_ != Duration::zero(); }
  // When the next one is due; far in the future when none is wanted.
  [[nodiscard]] Instant due() const { return wants_beats() ? due_ : kFarFuture; }
  // Sends it if all is well. The next one is due after a third of the watchdog's patience: one that
  // comes late does not end the agent.
  void beat(Instant now, bool all_well);

 private:
  Duration interval_{};
  Instant due_;
};

}  // namespace xm
