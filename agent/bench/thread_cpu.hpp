// How long single threads have run, those of the kernel among them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "xdpmesh/result.hpp"

namespace xm::bench {

// The time on a processor, in nanoseconds, of a /proc/PID/schedstat.
[[nodiscard]] std::optional<std::uint64_t> parse_schedstat(std::string_view text);

// Of a thread of this process, or of a kernel thread; nothing when it is not to be seen, as from
// within a PID namespace.
[[nodiscard]] std::optional<std::uint64_t> thread_nanoseconds(pid_t thread);

// A thread of this process, or one of the kernel that may be moved, to one processor.
[[nodiscard]] Status bind_thread(pid_t thread, int cpu);

// Of this process.
[[nodiscard]] std::set<pid_t> own_threads();
// Those of the kernel that serve an interface of this name (threaded NAPI), in any namespace.
[[nodiscard]] std::set<pid_t> napi_threads(const std::string& interface);

}  // namespace xm::bench
