#include "agent/node_cpus.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>

namespace xm {
namespace {

namespace fs = std::filesystem;

unsigned processors_of(std::int64_t quota, std::int64_t period) {
  if (quota <= 0 || period <= 0) return 0;
  return static_cast<unsigned>(std::max<std::int64_t>(1, (quota + period - 1) / period));
}

// "max 100000" or "150000 100000".
unsigned quota_of_version_2(const fs::path& directory) {
  std::ifstream file(directory / "cpu.max");
  std::string quota;
  std::int64_t period = 0;
  if (!(file >> quota >> period) || quota == "max") return 0;
  return processors_of(std::strtoll(quota.c_str(), nullptr, 10), period);
}

unsigned quota_of_version_1(const fs::path& directory) {
  std::ifstream quota_file(directory / "cpu.cfs_quota_us");
  std::ifstream period_file(directory / "cpu.cfs_period_us");
  std::int64_t quota = 0;
  std::int64_t period = 0;
  if (!(quota_file >> quota) || !(period_file >> period)) return 0;
  return processors_of(quota, period);
}

// The least of the quotas from `relative` up to the root, 0 where there is none.
template <typename Quota>
unsigned least_quota(const fs::path& root, const fs::path& relative, Quota quota_of) {
  unsigned least = 0;
  fs::path directory = root / relative;
  for (;;) {
    const unsigned quota = quota_of(directory);
    if (quota != 0 && (least == 0 || quota < least)) least = quota;
    if (directory == root || !directory.has_relative_path()) return least;
    directory = directory.parent_path();
  }
}

unsigned affinity_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return static_cast<unsigned>(CPU_COUNT(&set));
  return std::thread::hardware_concurrency();  // more processors than the set can name
}

}  // namespace

// Lines of /proc/self/cgroup: "0::/a/b" (version 2) or "3:cpu,cpuacct:/a/b" (version 1).
unsigned quota_processors(const fs::path& proc, const fs::path& cgroups) {
  std::ifstream file(proc / "self" / "cgroup");
  unsigned least = 0;
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const fs::path relative = fs::path(line.substr(second + 1)).relative_path();
    unsigned quota = 0;
    if (controllers.empty()) {
      quota = least_quota(cgroups, relative, quota_of_version_2);
    } else if (("," + controllers + ",").find(",cpu,") != std::string::npos) {
      quota = least_quota(cgroups / controllers, relative, quota_of_version_1);
    }
    if (quota != 0 && (least == 0 || quota < least)) least = quota;
  }
  return least;
}

unsigned usable_processors(const fs::path& proc, const fs::path& cgroups) {
  const unsigned by_affinity = std::max(1U, affinity_processors());
  const unsigned by_quota = quota_processors(proc, cgroups);
  return by_quota == 0 ? by_affinity : std::min(by_affinity, by_quota);
}

// proc(5): "cpu  user nice system idle iowait irq softirq ..." in clock ticks.
Duration softirq_time(const fs::path& proc) {
  constexpr int kFieldsBefore = 6;
  std::ifstream file(proc / "stat");
  std::string word;
  std::uint64_t ticks = 0;
  if (!(file >> word) || word != "cpu") return {};
  for (int i = 0; i <= kFieldsBefore; ++i) {
    if (!(file >> ticks)) return {};
  }
  const auto per_second = static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK));
  return Duration(static_cast<std::int64_t>(ticks * (1'000'000'000U / per_second)));
}

}  // namespace xm
