// A process tree that cannot outlive its purpose. The bench runs as process 1 of a PID namespace of
// its own with private mounts, so that when it ends, in whatever way, the kernel ends every process
// that it started, and with them go their devices, network namespaces and socket files.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "xdpmesh/result.hpp"

namespace xm::bench {

// Forks; `body` runs in the contained child, its result is the child's exit code and is returned
// here once the child has ended. SIGINT, SIGTERM and SIGHUP are blocked in both and passed on to
// the child; SIGKILL here takes the child along. An error when the kernel refuses to contain.
//
// Inside: /proc shows the contained processes only, and each of `private_directories` (made if it
// is missing) is an empty file system that nobody else sees.
//
// Only while the process has one thread.
[[nodiscard]] Result<int> run_contained(const std::vector<std::string>& private_directories,
                                        const std::function<int()>& body);

}  // namespace xm::bench
