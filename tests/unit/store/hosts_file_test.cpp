#include "agent/store/hosts_file.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "tests/support/skip.hpp"
#include "tests/support/temporary_directory.hpp"

namespace xm {
namespace {

const std::string kOthers = "127.0.0.1 localhost\n\n# by hand\r\n10.0.0.1\tgate  # old\n";

const std::vector<HostsEntry> kEntries{{*IpAddress::parse("100.64.0.2"), "gate.mesh"},
                                       {*IpAddress::parse("fd00::2"), "gate.mesh"}};
const std::string kBlock =
    "# xdp-mesh mesh0 begin\n100.64.0.2 gate.mesh\nfd00::2 gate.mesh\n# xdp-mesh mesh0 end\n";

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

ino_t inode(const std::string& path) {
  struct stat found {};
  REQUIRE(::stat(path.c_str(), &found) == 0);
  return found.st_ino;
}

}  // namespace

TEST_CASE("hosts file: the block comes, changes in its place and goes, and nothing else changes") {
  const std::string with = with_hosts_block(kOthers, "mesh0", kEntries);
  CHECK(with == kOthers + kBlock);
  CHECK(with_hosts_block(with, "mesh0", kEntries) == with);
  CHECK(with_hosts_block(with, "mesh0", {}) == kOthers);
  const std::string behind = with + "192.0.2.1 later";
  CHECK(with_hosts_block(behind, "mesh0", {kEntries[0]}) ==
        kOthers + "# xdp-mesh mesh0 begin\n100.64.0.2 gate.mesh\n# xdp-mesh mesh0 end\n" +
            "192.0.2.1 later");
  CHECK(with_hosts_block(behind, "mesh0", {}) == kOthers + "192.0.2.1 later");
  CHECK(with_hosts_block("a", "mesh0", kEntries) == "a\n" + kBlock);
  CHECK(with_hosts_block("", "mesh0", {}).empty());
}

TEST_CASE("hosts file: the blocks of two interfaces do not meet") {
  const std::string one = with_hosts_block("", "mesh1", {kEntries[1]});
  const std::string both = with_hosts_block(one, "mesh0", kEntries);
  CHECK(both == one + kBlock);
  CHECK(with_hosts_block(both, "mesh0", {}) == one);
  CHECK(with_hosts_block(both, "mesh", {}) == both);
}

TEST_CASE("hosts file: a block that was damaged takes nothing of others along") {
  const std::string cut = "# xdp-mesh mesh0 begin\n100.64.0.2 gate.mesh\n10.0.0.9 other\n";
  CHECK(with_hosts_block(cut, "mesh0", {}) == "10.0.0.9 other\n");
  CHECK(with_hosts_block(kBlock + "x\n" + kBlock, "mesh0", kEntries) == kBlock + "x\n");
  CHECK(with_hosts_block("# xdp-mesh mesh0 end\nx\n", "mesh0", {}) == "# xdp-mesh mesh0 end\nx\n");
}

TEST_CASE("hosts file: is replaced whole, with its mode and owner, and only when it changes") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "hosts";
  std::ofstream(path) << kOthers;
  REQUIRE(::chmod(path.c_str(), 0640) == 0);
  const bool is_root = ::geteuid() == 0;
  if (is_root) REQUIRE(::chown(path.c_str(), 54321, 54322) == 0);
  const ino_t before = inode(path);
  const HostsFile hosts(path, "mesh0");
  REQUIRE(hosts.set(kEntries).ok());
  CHECK(content(path) == kOthers + kBlock);
  const ino_t after = inode(path);
  CHECK(after != before);
  struct stat found {};
  REQUIRE(::stat(path.c_str(), &found) == 0);
  CHECK((found.st_mode & 07777U) == 0640);
  if (is_root) CHECK(found.st_uid == 54321);
  if (is_root) CHECK(found.st_gid == 54322);
  REQUIRE(hosts.set(kEntries).ok());
  CHECK(inode(path) == after);
  REQUIRE(hosts.remove().ok());
  CHECK(content(path) == kOthers);
}

TEST_CASE("hosts file: a link stays one, a missing file is made for entries only") {
  const test::TemporaryDirectory directory;
  std::ofstream(directory / "real") << kOthers;
  std::filesystem::create_symlink("real", directory / "hosts");
  REQUIRE(HostsFile(directory / "hosts", "mesh0").set(kEntries).ok());
  CHECK(std::filesystem::is_symlink(directory / "hosts"));
  CHECK(content(directory / "real") == kOthers + kBlock);

  const HostsFile missing(directory / "missing", "mesh0");
  REQUIRE(missing.remove().ok());
  CHECK_FALSE(std::filesystem::exists(directory / "missing"));
  REQUIRE(missing.set(kEntries).ok());
  CHECK(content(directory / "missing") == kBlock);

  const Status folder = HostsFile(directory.path(), "mesh0").set(kEntries);
  REQUIRE_FALSE(folder.ok());
  CHECK(folder.error().what.find("expected a regular file") != std::string::npos);
  const Status nowhere = HostsFile(directory / "none/hosts", "mesh0").set(kEntries);
  CHECK_FALSE(nowhere.ok());
}

TEST_CASE("hosts file: one that is mounted is written over") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "hosts";
  std::ofstream(path) << "";
  std::ofstream(directory / "source") << kOthers;
  bool mounted = false;
  Status set;
  Status removed;
  std::string with;
  std::thread inside([&] {
    mounted = ::unshare(CLONE_NEWNS) == 0 &&
              ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
              ::mount((directory / "source").c_str(), path.c_str(), nullptr, MS_BIND, nullptr) == 0;
    if (!mounted) return;
    const HostsFile hosts(path, "mesh0");
    set = hosts.set(kEntries);
    with = content(path);
    removed = hosts.remove();
  });
  inside.join();
  if (!mounted) XM_SKIP("no permission to make a mount namespace (needs CAP_SYS_ADMIN)");
  CHECK(set.ok());
  CHECK(with == kOthers + kBlock);
  CHECK(removed.ok());
  CHECK(content(directory / "source") == kOthers);
  // No file of ours is left beside it.
  CHECK(std::distance(std::filesystem::directory_iterator(directory.path()), {}) == 2);
}

}  // namespace xm
