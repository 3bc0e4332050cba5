#include "agent/node_cpus.hpp"

#include <doctest/doctest.h>

#include <unistd.h>

#include <fstream>
#include <string>

#include "tests/support/temporary_directory.hpp"

namespace xm {
namespace {

namespace fs = std::filesystem;

void write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

TEST_CASE("processors: the least quota from the cgroup up to the root counts, rounded up") {
  struct Row {
    const char* inner;
    const char* outer;
    unsigned processors;
  };
  for (const Row& row : {Row{"max 100000", "max 100000", 0}, Row{"150000 100000", "max 100000", 2},
                         Row{"max 100000", "50000 100000", 1},
                         Row{"400000 100000", "300000 100000", 3}, Row{"nonsense", "", 0}}) {
    const test::TemporaryDirectory directory;
    const fs::path root = directory.path();
    write(root / "proc/self/cgroup", "0::/outer/inner\n");
    write(root / "cgroup/outer/inner/cpu.max", row.inner);
    write(root / "cgroup/outer/cpu.max", row.outer);
    CHECK(quota_processors(root / "proc", root / "cgroup") == row.processors);
  }
}

TEST_CASE("processors: time in softirq is the seventh figure of the first line") {
  const test::TemporaryDirectory directory;
  const fs::path proc = directory.path();
  CHECK(softirq_time(proc) == Duration(0));
  const auto second = static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK));
  write(proc / "stat", "cpu  1 2 3 4 5 6 " + std::to_string(3 * second) + " 8 9 0\ncpu0 1 2 3\n");
  CHECK(softirq_time(proc) == 3s);
  write(proc / "stat", "cpu 1 2\n");
  CHECK(softirq_time(proc) == Duration(0));
}

TEST_CASE("processors: a quota of version 1") {
  const test::TemporaryDirectory directory;
  const fs::path root = directory.path();
  write(root / "proc/self/cgroup", "4:memory:/x\n3:cpu,cpuacct:/box\n0::/\n");
  write(root / "cgroup/cpu,cpuacct/box/cpu.cfs_quota_us", "250000\n");
  write(root / "cgroup/cpu,cpuacct/box/cpu.cfs_period_us", "100000\n");
  write(root / "cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  write(root / "cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  CHECK(quota_processors(root / "proc", root / "cgroup") == 3);
}

TEST_CASE("processors: no files, no quota; never none at all") {
  CHECK(quota_processors("/nonexistent", "/nonexistent") == 0);
  CHECK(usable_processors("/nonexistent", "/nonexistent") >= 1);
  CHECK(usable_processors() >= 1);
}

}  // namespace
}  // namespace xm
