#include "agent/nat/member_path.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>

namespace xm {
namespace {

constexpr Instant kStart{1'000'000'000'000};
using Reach = MemberPath::Reach;

Endpoint at(std::string_view text) {
  return *Endpoint::parse(text);
}

const Endpoint kA = at("192.0.2.1:1");
const Endpoint kB = at("192.0.2.2:1");
const Endpoint kC = at("[2001:db8::3]:1");

// A path, a member that answers from some endpoints after a while each, and virtual time.
struct PathWorld {
  MemberPath path;
  Instant now = kStart;
  std::map<Endpoint, Duration> answering;
  std::vector<std::pair<Instant, Endpoint>> probes;
  std::vector<Endpoint> used;
  std::map<Instant, Endpoint> answers;

  void take(const std::vector<MemberPath::Action>& actions) {
    for (const auto& action : actions) {
      if (const auto* use = std::get_if<MemberPath::Use>(&action)) {
        used.push_back(use->endpoint);
        continue;
      }
      const Endpoint& to = std::get<MemberPath::Probe>(action).endpoint;
      probes.emplace_back(now, to);
      if (answering.contains(to)) answers[now + answering.at(to)] = to;
    }
  }
  void want(std::vector<Endpoint> candidates) {
    path.set_candidates(candidates, now);
    path.set_wanted(true, now);
  }
  void run_until(Instant end) {
    for (;;) {
      Instant next = path.next_deadline();
      if (!answers.empty()) next = std::min(next, answers.begin()->first);
      if (next > end) break;
      now = std::max(now, next);
      std::vector<MemberPath::Action> actions;
      if (!answers.empty() && answers.begin()->first <= now) {
        const Endpoint from = answers.begin()->second;
        answers.erase(answers.begin());
        path.verified(from, Duration(0), now, actions);
      } else {
        path.on_timers(now, actions);
      }
      take(actions);
    }
    now = end;
  }
  void lose(const Endpoint& endpoint) {
    std::vector<MemberPath::Action> actions;
    path.lost(endpoint, now, actions);
    take(actions);
  }
  long probes_to(const Endpoint& endpoint) const {
    return std::count_if(probes.begin(), probes.end(),
                         [&](const auto& probe) { return probe.second == endpoint; });
  }
};

TEST_CASE("member path: nothing is probed before somebody wants to send") {
  PathWorld world;
  world.path.set_candidates(std::vector{kA, kB}, world.now);
  world.run_until(kStart + 3600s);
  CHECK(world.probes.empty());
  CHECK(world.path.reach() == Reach::unknown);
  CHECK_FALSE(world.path.endpoint().is_set());
}

TEST_CASE("member path: candidates are probed in order of cost, thrice each, with backoff") {
  PathWorld world;
  world.want({kA, kB});
  CHECK(world.path.reach() == Reach::searching);
  world.run_until(kStart + 9s);
  const std::vector<std::pair<Instant, Endpoint>> expected{
      {kStart, kA},          {kStart + 250ms, kB}, {kStart + 1s, kA},
      {kStart + 1250ms, kB}, {kStart + 3s, kA},    {kStart + 3250ms, kB},
  };
  CHECK(world.probes == expected);
  CHECK(world.path.reach() == Reach::silent);
  CHECK(world.used.empty());
}

TEST_CASE("member path: a search in vain is repeated ever more rarely, silent all the while") {
  PathWorld world;
  world.want({kA});
  world.run_until(kStart + 8s);
  for (int i = 0; i < 600; ++i) {
    world.run_until(world.now + 6s);
    CHECK(world.path.reach() == Reach::silent);
  }
  // 10, 20, 40, 80, 160 and then every 300 s, and 7 s for each search.
  CHECK(world.probes.size() == 3 * 16);
}

TEST_CASE("member path: what answers is used, and costlier ones are not asked twice for it") {
  PathWorld world;
  world.answering = {{kA, 20ms}};
  world.want({kA, kB, kC});
  world.run_until(kStart + 10s);
  CHECK(world.used == std::vector<Endpoint>{kA});
  CHECK(world.path.endpoint() == kA);
  CHECK(world.path.reach() == Reach::direct);
  CHECK(world.probes_to(kA) == 1);
  CHECK(world.probes_to(kB) == 1);
  CHECK(world.probes_to(kC) == 1);
}

TEST_CASE(
    "member path: a cheaper one that answers later takes over, a slower costlier one does not") {
  PathWorld world;
  world.answering = {{kA, 40ms}, {kB, 41ms}};
  world.want({kA, kB});
  std::vector<MemberPath::Action> actions;
  world.path.verified(kB, 41ms, world.now, actions);
  world.take(actions);
  CHECK(world.used == std::vector<Endpoint>{kB});
  world.run_until(kStart + 5s);
  CHECK(world.used == std::vector<Endpoint>{kB, kA});
  world.run_until(kStart + 3600s);
  CHECK(world.used.size() == 2);
}

TEST_CASE("member path: a much faster one takes over though it costs more") {
  PathWorld world;
  world.answering = {{kA, 80ms}, {kB, 1ms}};
  world.want({kA, kB});
  world.run_until(kStart + 5s);
  CHECK(world.used == std::vector<Endpoint>{kA, kB});
  CHECK(world.path.endpoint() == kB);
}

TEST_CASE("member path: the one in use is asked when it is quiet, and not while it is heard") {
  PathWorld world;
  world.answering = {{kA, 20ms}};
  world.want({kA});
  world.run_until(kStart + 1s);
  CHECK(world.probes.size() == 1);
  for (int i = 0; i < 25; ++i) {
    world.run_until(world.now + 10s);
    world.path.heard(kA, world.now);
  }
  CHECK(world.probes.size() == 1);
  world.run_until(world.now + 60s);  // quiet
  CHECK(world.probes.size() > 1);
  CHECK(world.path.reach() == Reach::direct);
}

TEST_CASE("member path: when the one in use falls silent the next one is used, or looked for") {
  PathWorld world;
  world.answering = {{kA, 20ms}, {kB, 30ms}};
  world.want({kA, kB});
  world.run_until(kStart + 5s);
  CHECK(world.path.endpoint() == kA);
  world.answering.erase(kA);
  world.run_until(kStart + 200s);
  CHECK(world.path.endpoint() == kB);
  CHECK(world.path.reach() == Reach::direct);
  world.answering.clear();
  world.run_until(kStart + 400s);
  CHECK(world.path.reach() == Reach::silent);
  CHECK(world.path.endpoint() == kB);  // still the best guess
  world.answering = {{kA, 20ms}};
  world.run_until(kStart + 1000s);
  CHECK(world.path.endpoint() == kA);
  CHECK(world.path.reach() == Reach::direct);
}

TEST_CASE("member path: a loss that is reported switches at once; another's is ignored") {
  PathWorld world;
  world.answering = {{kA, 20ms}, {kB, 30ms}};
  world.want({kA, kB});
  world.run_until(kStart + 5s);
  world.lose(kB);
  CHECK(world.path.endpoint() == kA);
  world.lose(kA);
  CHECK(world.path.endpoint() == kB);
  CHECK(world.used.back() == kB);
  world.run_until(world.now + 5s);
  CHECK(world.path.endpoint() == kA);  // it answers the search that the loss began
}

TEST_CASE("member path: where the data plane roams to is in use, and offered by nobody") {
  PathWorld world;
  world.answering = {{kA, 20ms}};
  world.want({kA});
  world.run_until(kStart + 5s);
  const Endpoint elsewhere = at("203.0.113.1:7");
  world.path.roamed(elsewhere, world.now);
  CHECK(world.path.endpoint() == elsewhere);
  CHECK(world.path.reach() == Reach::direct);
  world.run_until(kStart + 400s);  // it does not answer probes: back to what does
  CHECK(world.path.endpoint() == kA);
  for (std::uint16_t port = 1; port < 50; ++port) {
    world.path.roamed(Endpoint{elsewhere.address, port, 0}, world.now);
  }
  world.probes.clear();
  world.path.network_changed(world.now);
  world.run_until(world.now + 240ms * 10);
  std::map<Endpoint, int> asked;
  for (const auto& [when, endpoint] : world.probes) ++asked[endpoint];
  CHECK(asked.size() <= 1 + MemberPath::kMostLearnt);
}

TEST_CASE("member path: new candidates keep what is known, and set no faster pace") {
  PathWorld world;
  world.answering = {{kA, 20ms}};
  world.want({kA});
  world.run_until(kStart + 60s);
  world.path.set_candidates(std::vector{kB, kA}, world.now);
  CHECK(world.path.endpoint() == kA);
  CHECK(world.path.reach() == Reach::direct);
  world.run_until(world.now + 500ms);
  CHECK(world.probes_to(kB) == 1);
  // One that is withdrawn stays in use until it is lost.
  world.path.set_candidates(std::vector{kC}, world.now);
  CHECK(world.path.endpoint() == kA);
  // A member that changes its record all the time.
  world.probes.clear();
  const Instant began = world.now;
  for (std::uint16_t port = 1; port <= 1000; ++port) {
    std::vector<Endpoint> many;
    for (std::uint16_t i = 0; i < 20; ++i) {
      many.push_back({kB.address, static_cast<std::uint16_t>(port * 20 + i), 0});
    }
    world.path.set_candidates(many, world.now);
    world.run_until(world.now + 100ms);
  }
  CHECK(world.now - began == 100s);
  CHECK(world.probes.size() < 11 * 3 * 11);
}

TEST_CASE("member path: what nobody wants any more is left alone, and known when wanted again") {
  PathWorld world;
  world.answering = {{kA, 20ms}};
  world.want({kA});
  world.run_until(kStart + 5s);
  world.path.set_wanted(false, world.now);
  world.run_until(kStart + 30s);
  CHECK(world.probes.size() == 1);
  CHECK(world.path.next_deadline() == kFarFuture);
  world.path.set_wanted(true, world.now);
  CHECK(world.path.reach() == Reach::direct);
  world.run_until(kStart + 35s);
  CHECK(world.probes.size() == 1);
  world.path.set_wanted(false, world.now);
  world.run_until(kStart + 500s);
  world.path.set_wanted(true, world.now);
  world.run_until(kStart + 501s);
  CHECK(world.probes.size() == 2);
}

TEST_CASE("member path: whatever happens, probes are few and what is used had answered") {
  std::mt19937_64 engine(11);
  for (int round = 0; round < 60; ++round) {
    PathWorld world;
    std::vector<Endpoint> pool;
    for (std::uint16_t port = 1; port <= 12; ++port) pool.push_back({kA.address, port, 0});
    std::vector<Endpoint> verified;
    const auto any = [&]() -> const Endpoint& { return pool[engine() % pool.size()]; };
    unsigned searches = 1;
    world.want({pool[0], pool[1]});
    const Instant began = world.now;
    for (int step = 0; step < 200; ++step) {
      std::vector<MemberPath::Action> actions;
      const Endpoint endpoint = any();
      switch (engine() % 7) {
        case 0: {
          std::vector<Endpoint> list(engine() % 10);
          for (Endpoint& one : list) one = any();
          world.path.set_candidates(list, world.now);
          break;
        }
        case 1:
          verified.push_back(endpoint);
          world.path.verified(endpoint, static_cast<std::int64_t>(engine() % 100) * 1ms, world.now,
                              actions);
          break;
        case 2:
          world.path.heard(endpoint, world.now);
          break;
        case 3:
          ++searches;
          world.path.lost(world.path.endpoint(), world.now, actions);
          break;
        case 4:
          ++searches;
          world.path.set_wanted(engine() % 2 == 0, world.now);
          break;
        case 5:
          verified.push_back(endpoint);
          world.path.roamed(endpoint, world.now);
          break;
        default:
          world.run_until(world.now + static_cast<std::int64_t>(engine() % 20'000) * 1ms);
      }
      world.take(actions);
      for (const Endpoint& used : world.used) {
        CHECK(std::find(verified.begin(), verified.end(), used) != verified.end());
      }
    }
    const auto passed = std::chrono::ceil<std::chrono::seconds>(world.now - began).count();
    // A search begins for a reason above, or 10 s after another.
    const auto most = static_cast<std::size_t>(searches + passed / 10 + 1) * 3 * 10;
    CHECK(world.probes.size() <= most);
  }
}

TEST_CASE("member path: with steady round trips it settles, whatever they are") {
  std::mt19937_64 engine(12);
  for (int round = 0; round < 100; ++round) {
    PathWorld world;
    std::vector<Endpoint> candidates;
    for (std::uint16_t port = 1; port <= 8; ++port) {
      candidates.push_back({kA.address, port, 0});
      world.answering[candidates.back()] = static_cast<std::int64_t>(1 + engine() % 60) * 1ms;
    }
    world.want(candidates);
    world.run_until(kStart + 400s);
    const std::size_t settled = world.used.size();
    CHECK(settled >= 1);
    world.run_until(kStart + 10'000s);
    CHECK(world.used.size() == settled);
  }
}

}  // namespace
}  // namespace xm
