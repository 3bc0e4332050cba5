#include "agent/io/network_watcher.hpp"

#include <doctest/doctest.h>
#include <poll.h>

#include <cstdlib>
#include <string>

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

TEST_CASE("network watcher: what is announced again as it was is no change") {
  XM_NEEDS_NAMESPACES();
  test::in_own_namespace([] {
    REQUIRE(test::set_up("lo", true));
    auto watcher = NetworkWatcher::open();
    REQUIRE(watcher.ok());
    Instant now{10'000'000'000};
    const auto changes = [&](const std::string& arguments) {
      CAPTURE(arguments);
      REQUIRE(std::system(("ip " + arguments).c_str()) == 0);
      watcher->read(now);
      now = now + 1s;
      return watcher->take_change(now);
    };
    // Not heard of before; and what the kernel still has to tell of its coming up is the same.
    CHECK(changes("link set lo alias first"));
    CHECK_FALSE(changes("link set lo alias second"));
    // Of IPv4, which are announced before the command returns.
    CHECK(changes("addr add 192.0.2.1/24 dev lo valid_lft 900 preferred_lft 900"));
    // As a lease or an advertisement renews it.
    CHECK_FALSE(changes("addr change 192.0.2.1/24 dev lo valid_lft 1000 preferred_lft 1000"));
    CHECK_FALSE(changes("addr change 192.0.2.1/24 dev lo valid_lft 1100 preferred_lft 1100"));
    CHECK(changes("addr change 192.0.2.1/24 dev lo valid_lft 1000 preferred_lft 0"));
    CHECK(changes("addr del 192.0.2.1/24 dev lo"));
    CHECK(changes("addr add 192.0.2.1/24 dev lo valid_lft 900 preferred_lft 900"));
    // Those of IPv6 are announced a moment later.
    const auto settle = [&] {
      for (int quiet = 0; quiet < 3;) {
        pollfd events{watcher->fd(), POLLIN, 0};
        (void)poll(&events, 1, 20);
        watcher->read(now);
        now = now + 1s;
        quiet = watcher->take_change(now) ? 0 : quiet + 1;
      }
    };
    (void)changes("addr add 2001:db8::1/64 dev lo nodad valid_lft 900 preferred_lft 900");
    settle();
    CHECK_FALSE(
        changes("addr change 2001:db8::1/64 dev lo nodad valid_lft 1000 preferred_lft 1000"));
    CHECK(changes("addr del 2001:db8::1/64 dev lo"));
    settle();
    CHECK(changes("link set lo mtu 4000"));
    CHECK_FALSE(changes("link set lo alias third"));
    CHECK(changes("link set lo down"));
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
