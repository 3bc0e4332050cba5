// How many processors this process may use, and what they spend on packets.
#pragma once

#include <filesystem>

#include "xdpmesh/clock.hpp"

namespace xm {

// The processors of the affinity mask, or fewer where a cgroup's quota (cpu.max of version 2,
// cpu.cfs_quota_us of version 1, of this cgroup or one above) allows less; at least 1. `proc` and
// `cgroups` are /proc and /sys/fs/cgroup.
[[nodiscard]] unsigned usable_processors(const std::filesystem::path& proc = "/proc",
                                         const std::filesystem::path& cgroups = "/sys/fs/cgroup");

// The part of the above that reads files: processors by quota, rounded up; 0 when there is none.
[[nodiscard]] unsigned quota_processors(const std::filesystem::path& proc,
                                        const std::filesystem::path& cgroups);

// The time that all processors have spent in softirq, which is where the kernel receives packets;
// zero when /proc/stat does not say.
[[nodiscard]] Duration softirq_time(const std::filesystem::path& proc = "/proc");

}  // namespace xm
