// The clock of heartbeats: what the XDP program reads by bpf_ktime_get_coarse_ns().
#pragma once

#include <cstdint>
#include <ctime>

namespace xm {

// CLOCK_MONOTONIC in nanoseconds, to the tick. Costs no system call.
[[nodiscard]] inline std::uint64_t heartbeat_time() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(time.tv_nsec);
}

}  // namespace xm
