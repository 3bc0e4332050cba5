#include "agent/nat/path_finder.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>

namespace xm {
namespace {

constexpr Instant kStart{1'000'000'000'000};
constexpr auto kV4 = IpAddress::Family::v4;
constexpr auto kV6 = IpAddress::Family::v6;

Endpoint at(std::string_view text) {
  return *Endpoint::parse(text);
}

const std::array<Endpoint, 2> kTwo{at("192.0.2.1:1"), at("[2001:db8::1]:1")};

std::size_t probes_of(const std::vector<PathFinder::Action>& actions) {
  std::size_t probes = 0;
  for (const auto& action : actions) {
    if (std::holds_alternative<PathFinder::Probe>(action)) ++probes;
  }
  return probes;
}

TEST_CASE("path finder: a member that is not known has no path, and wants nothing") {
  PathFinder finder;
  CHECK_FALSE(finder.endpoint_of(7).is_set());
  CHECK(finder.reach_of(7) == MemberPath::Reach::unknown);
  CHECK_FALSE(finder.wants_keepalive(7));
  CHECK(finder.next_deadline() == kFarFuture);
  finder.remove(7);
  CHECK(finder.members() == 0);
}

TEST_CASE("path finder: each member has its own search, and actions name it") {
  PathFinder finder;
  finder.set_candidates(1, kTwo, kStart);
  finder.set_candidates(2, std::array{at("192.0.2.9:9")}, kStart);
  finder.set_wanted(1, true, kStart);
  CHECK(finder.next_deadline() == kStart);
  finder.on_timers(kStart);
  auto actions = finder.take_actions();
  REQUIRE(actions.size() == 1);
  CHECK(std::get<PathFinder::Probe>(actions[0]).member == 1);
  CHECK(std::get<PathFinder::Probe>(actions[0]).endpoint == kTwo[0]);
  finder.verified(1, kTwo[0], 20ms, kStart + 20ms);
  actions = finder.take_actions();
  REQUIRE(actions.size() == 1);
  CHECK(std::get<PathFinder::Use>(actions[0]).endpoint == kTwo[0]);
  CHECK(finder.reach_of(1) == MemberPath::Reach::direct);
  CHECK(finder.endpoint_of(1) == kTwo[0]);
  CHECK(finder.reach_of(2) == MemberPath::Reach::unknown);
  finder.remove(1);
  CHECK(finder.next_deadline() == kFarFuture);
  CHECK(finder.members() == 1);
}

TEST_CASE("path finder: who is removed wants nothing any more, not even what was on its way") {
  PathFinder finder;
  for (MemberNumber member = 1; member <= 2; ++member) {
    finder.set_candidates(member, kTwo, kStart);
    finder.set_wanted(member, true, kStart);
    finder.verified(member, kTwo[1], 20ms, kStart);
  }
  finder.on_timers(kStart);
  finder.remove(1);
  const auto actions = finder.take_actions();
  REQUIRE(actions.size() == 2);
  CHECK(std::get<PathFinder::Use>(actions[0]).member == 2);
  CHECK(std::get<PathFinder::Probe>(actions[1]).member == 2);
  finder.on_timers(kStart + 10s);
  for (const auto& action : finder.take_actions()) {
    CHECK(std::get<PathFinder::Probe>(action).member == 2);
  }
}

TEST_CASE("path finder: a thousand searches at once keep the pace of probes") {
  PathFinder finder;
  for (MemberNumber member = 0; member < 1000; ++member) {
    finder.set_candidates(member, kTwo, kStart);
    finder.set_wanted(member, true, kStart);
  }
  std::size_t sent = 0;
  Instant now = kStart;
  while (finder.next_deadline() <= kStart + 10s) {
    now = std::max(now, finder.next_deadline());
    finder.on_timers(now);
    sent += probes_of(finder.take_actions());
    const auto passed = static_cast<std::size_t>((now - kStart) / 1ms);
    // What one member sends together may go beyond the credit.
    CHECK(sent <= passed * PathFinder::kProbesPerSecond / 1000 + PathFinder::kBurst + 8);
  }
  CHECK(sent >= 1990);
}

TEST_CASE("path finder: after a change of the network every wanted path is looked for afresh") {
  PathFinder finder;
  for (MemberNumber member = 1; member <= 2; ++member) {
    finder.set_candidates(member, kTwo, kStart);
    finder.roamed(member, kTwo[0], kStart);
  }
  finder.set_wanted(1, true, kStart);
  finder.on_timers(kStart);
  CHECK(probes_of(finder.take_actions()) == 0);
  finder.network_changed(kStart + 1s);
  finder.on_timers(kStart + 1s);
  const auto actions = finder.take_actions();
  REQUIRE(probes_of(actions) == 1);
  CHECK(std::get<PathFinder::Probe>(actions[0]).member == 1);
}

TEST_CASE("path finder: keepalives only where a NAT needs them") {
  PathFinder finder;
  finder.set_candidates(1, kTwo, kStart);
  CHECK_FALSE(finder.wants_keepalive(1));
  finder.set_wanted(1, true, kStart);
  CHECK_FALSE(finder.wants_keepalive(1));  // no endpoint
  finder.roamed(1, kTwo[0], kStart);
  CHECK(finder.wants_keepalive(1));  // nobody knows whether there is a NAT
  finder.set_nat(kV6, NatMapping::none);
  CHECK(finder.wants_keepalive(1));
  finder.set_nat(kV4, NatMapping::none);
  CHECK_FALSE(finder.wants_keepalive(1));
  for (const auto mapping : {NatMapping::endpoint_independent, NatMapping::address_dependent}) {
    finder.set_nat(kV4, mapping);
    CHECK(finder.wants_keepalive(1));
  }
  finder.set_on_link({*Prefix::parse("192.0.2.0/24")});
  CHECK_FALSE(finder.wants_keepalive(1));
  finder.set_on_link({});
  finder.roamed(1, kTwo[1], kStart);
  CHECK_FALSE(finder.wants_keepalive(1));
  finder.roamed(1, kTwo[0], kStart);
  finder.set_wanted(1, false, kStart);
  CHECK_FALSE(finder.wants_keepalive(1));
}

}  // namespace
}  // namespace xm
