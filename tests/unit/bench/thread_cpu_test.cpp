#include "agent/bench/thread_cpu.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

namespace xm::bench {

TEST_CASE("thread CPU: the first number of a schedstat is the time on a processor") {
  CHECK(parse_schedstat("123456789012 17 5\n") == 123'456'789'012);
  for (const char* text : {"", "x 1 2\n", "123", "-5 1 2\n"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_schedstat(text).has_value());
  }
}

TEST_CASE("thread CPU: a thread of this process has run, and one that is not there has not") {
  const std::set<pid_t> threads = own_threads();
  REQUIRE(threads.count(::gettid()) == 1);
  CHECK(thread_nanoseconds(::gettid()).value_or(0) > 0);
  CHECK_FALSE(thread_nanoseconds(-1).has_value());
  CHECK(napi_threads("no such interface").empty());
}

}  // namespace xm::bench
