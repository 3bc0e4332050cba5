#include "agent/node_service.hpp"

#include <systemd/sd-daemon.h>

#include <cstdint>
#include <cstring>
#include <string>

#include "xdpmesh/log.hpp"

namespace xm {
namespace {

void tell(const char* state) {
  const int result = ::sd_notify(/*unset_environment=*/0, state);
  if (result >= 0) return;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): glibc's answers are static text
  log::verbose(std::string("cannot tell the service manager: ") + std::strerror(-result));
}

}  // namespace

ServiceManager::ServiceManager() {
  std::uint64_t microseconds = 0;
  if (::sd_watchdog_enabled(/*unset_environment=*/0, &microseconds) > 0) {
    interval_ = std::chrono::microseconds(microseconds) / 3;
  }
}

void ServiceManager::ready() {
  tell("READY=1\nSTATUS=serving");
}

void ServiceManager::stopping() {
  tell("STOPPING=1");
}

void ServiceManager::beat(Instant now, bool all_well) {
  due_ = now + interval_;
  if (all_well) tell("WATCHDOG=1");
}

}  // namespace xm
