#include "agent/io/network_watcher.hpp"

#include <doctest/doctest.h>
#include <poll.h>

#include "tests/support/skip.hpp"
#include "tests/unit/io/own_namespace.hpp"

using namespace xm;

TEST_CASE("network watcher reports a burst of changes once, when it is over") {
  XM_NEEDS_NAMESPACES();
  test::in_own_namespace([] {
    auto watcher = NetworkWatcher::open();
    REQUIRE_MESSAGE(watcher.ok(), watcher.error().what);
    Instant now{10'000'000'000};
    watcher->read(now);
    CHECK(watcher->due() == kFarFuture);
    CHECK_FALSE(watcher->take_change(now));

    // Loopback down and up takes addresses and routes away and brings them back.
    REQUIRE(test::set_up("lo", false));
    watcher->read(now);
    CHECK(watcher->due() == now + Burst::kQuiet);
    now = now + 60ms;
    REQUIRE(test::set_up("lo", true));
    watcher->read(now);
    CHECK(watcher->due() == now + Burst::kQuiet);
    CHECK_FALSE(watcher->take_change(now + 99ms));
    CHECK(watcher->take_change(now + 100ms));
    CHECK_FALSE(watcher->take_change(now + 200ms));
    CHECK(watcher->due() == kFarFuture);
  });
}

TEST_CASE("network watcher does not wait for ever where changes do not end") {
  XM_NEEDS_NAMESPACES();
  test::in_own_namespace([] {
    auto watcher = NetworkWatcher::open();
    REQUIRE(watcher.ok());
    const Instant begin{10'000'000'000};
    Instant now = begin;
    for (; now < begin + Burst::kLongest; now = now + 50ms) {
      REQUIRE(test::set_up("lo", now.nanoseconds / 50'000'000 % 2 != 0));
      watcher->read(now);
      CHECK_FALSE(watcher->take_change(now));
    }
    CHECK(watcher->take_change(now));
  });
}
