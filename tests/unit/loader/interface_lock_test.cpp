#include "loader/interface_lock.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <string>

#include "tests/support/temporary_directory.hpp"

using namespace xm;

namespace {

constexpr std::uint32_t kIfindex = 7;

}  // namespace

TEST_CASE("interface lock: one owner at a time, whose process is known until it lets go") {
  const test::TemporaryDirectory directory;
  const std::string run = directory / "run";
  const std::string process = std::to_string(getpid());
  CHECK(InterfaceLock::owner(run, kIfindex).empty());
  {
    auto lock = InterfaceLock::take(run, kIfindex, "eth0");
    REQUIRE(lock.ok());
    CHECK(InterfaceLock::owner(run, kIfindex) == process);
    CHECK(InterfaceLock::owner(run, kIfindex + 1).empty());
    const auto second = InterfaceLock::take(run, kIfindex, "eth0");
    REQUIRE_FALSE(second.ok());
    CHECK(second.error().os_errno == EBUSY);
    CHECK(second.error().what.find("process " + process) != std::string::npos);
    CHECK(second.error().what.find("eth0") != std::string::npos);
  }
  CHECK(InterfaceLock::owner(run, kIfindex).empty());
  auto again = InterfaceLock::take(run, kIfindex, "eth0");
  REQUIRE(again.ok());
  again->remove();
  CHECK(InterfaceLock::owner(run, kIfindex).empty());
  CHECK(std::filesystem::is_empty(run));
}

TEST_CASE("interface lock: asking who owns it keeps nobody from taking it") {
  const test::TemporaryDirectory directory;
  const std::string run = directory / "run";
  { REQUIRE(InterfaceLock::take(run, kIfindex, "eth0").ok()); }
  const pid_t asker = fork();
  REQUIRE(asker >= 0);
  if (asker == 0) {
    for (;;) (void)InterfaceLock::owner(run, kIfindex);
  }
  bool always = true;
  for (int i = 0; i < 2000; ++i) always = InterfaceLock::take(run, kIfindex, "eth0").ok() && always;
  kill(asker, SIGKILL);
  waitpid(asker, nullptr, 0);
  CHECK(always);
}
