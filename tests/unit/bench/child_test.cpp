#include "agent/bench/child.hpp"

#include <doctest/doctest.h>

#include <csignal>

namespace xm::bench {

TEST_CASE("child: output, errors, exit code and environment") {
  auto interrupts = Interrupts::open();
  REQUIRE(interrupts.ok());
  auto child =
      Child::start({{"sh", "-c", "echo out $WORD; echo err >&2; exit 7"}, -1, {{"WORD", "said"}}});
  REQUIRE(child.ok());
  const auto code = child->wait(interrupts.value(), 60s);
  REQUIRE(code.ok());
  CHECK(code.value() == 7);
  CHECK(child->output() == "out said\n");
  CHECK(child->errors() == "err\n");
  CHECK(child->poll_end() == 7);
}

TEST_CASE("child: much output holds nobody up") {
  auto interrupts = Interrupts::open();
  REQUIRE(interrupts.ok());
  const auto output = run({{"sh", "-c", "head -c 3000000 /dev/zero"}}, interrupts.value(), 60s);
  REQUIRE(output.ok());
  CHECK(output.value().size() == 3000000);
}

TEST_CASE("child: no such program, and one that fails") {
  auto interrupts = Interrupts::open();
  REQUIRE(interrupts.ok());
  const auto none = Child::start({{"no-such-program-anywhere"}});
  REQUIRE_FALSE(none.ok());
  CHECK(none.error().os_errno == ENOENT);
  CHECK(none.error().what.find("no-such-program-anywhere") != std::string::npos);
  const auto failed =
      run({{"sh", "-c", "echo first; echo the reason >&2; exit 3"}}, interrupts.value(), 60s);
  REQUIRE_FALSE(failed.ok());
  CHECK(failed.error().what == "sh ended with exit code 3: the reason");
}

TEST_CASE("child: one that does not end in time is given up and runs on") {
  auto interrupts = Interrupts::open();
  REQUIRE(interrupts.ok());
  auto child = Child::start({{"sleep", "1000"}});
  REQUIRE(child.ok());
  const auto waited = child->wait(interrupts.value(), 1ms);
  REQUIRE_FALSE(waited.ok());
  CHECK(waited.error().os_errno == ETIMEDOUT);
  CHECK_FALSE(child->poll_end().has_value());
  REQUIRE(::kill(child->pid(), SIGTERM) == 0);
  const auto ended = child->wait(interrupts.value(), 60s);
  REQUIRE(ended.ok());
  CHECK(ended.value() == 128 + SIGTERM);
}

TEST_CASE("child: it goes with its owner") {
  pid_t pid = 0;
  {
    auto child = Child::start({{"sh", "-c", "trap '' TERM; sleep 1000"}});
    REQUIRE(child.ok());
    pid = child->pid();
    Child moved = std::move(child).value();
    CHECK(::kill(pid, 0) == 0);
  }
  CHECK(::kill(pid, 0) < 0);
}

TEST_CASE("child: the last lines of a text, for one line of a message") {
  CHECK(last_lines("") == "(it said nothing)");
  CHECK(last_lines("\n \n") == "(it said nothing)");
  CHECK(last_lines("a\nb\n\nc\nd\n") == "b | c | d");
  CHECK(last_lines("a\nb", 1) == "b");
}

TEST_CASE("child: programs on the PATH") {
  CHECK(find_on_path("sh").has_value());
  CHECK_FALSE(find_on_path("no-such-program-anywhere").has_value());
}

}  // namespace xm::bench
