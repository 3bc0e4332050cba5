// A reduced set of what xdp-mesh-sim measures (docs/mesh.md has the whole): small enough for every
// run of the tests. No figure here is a wall-clock time: all time is virtual.
#include <doctest/doctest.h>

#include <cstdlib>
#include <iostream>
#include <random>

#include "tests/sim/mesh_scenarios.hpp"

namespace xm::test {
namespace {

// XDPMESH_TEST_SEED repeats a run.
std::uint64_t seed_of_run() {
  const char* const chosen = std::getenv("XDPMESH_TEST_SEED");
  const std::uint64_t seed =
      chosen != nullptr ? std::strtoull(chosen, nullptr, 10) : std::random_device{}();
  std::cout << "seed " << seed << " (XDPMESH_TEST_SEED repeats it)\n";
  return seed;
}

// A sanitizer looks at what the code does, not at how good the figures are.
#if defined(__SANITIZE_ADDRESS__)
constexpr std::size_t kCrashes = 40;
constexpr Duration kStalledSpan = 60s;
constexpr double kFewestWithout = 1;
#else
constexpr std::size_t kCrashes = 200;
constexpr Duration kStalledSpan = 300s;
constexpr double kFewestWithout = 100;
#endif

ScenarioOptions scenario(std::size_t nodes, double loss = 0) {
  ScenarioOptions options;
  options.nodes = nodes;
  options.seed = seed_of_run();
  options.network.loss = loss;
  return options;
}

TEST_CASE("mesh: a crash is seen by all sixteen within 7.5 s, in 99 of 100") {
  ScenarioOptions options = scenario(16);
  options.crashes = kCrashes;
  const Figures figures = run_crashes(options);
  CHECK(figure(figures, "crashes seen by all") == kCrashes);
  CHECK(figure(figures, "seen by all, p99") <= 7.5);
  CHECK(figure(figures, "false deaths") == 0);
}

TEST_CASE("mesh: a crash is seen by all 64 within 10 s, in 99 of 100") {
  ScenarioOptions options = scenario(64);
  options.crashes = kCrashes;
  const Figures figures = run_crashes(options);
  CHECK(figure(figures, "crashes seen by all") == kCrashes);
  CHECK(figure(figures, "seen by all, p99") <= 10);
  CHECK(figure(figures, "false deaths") == 0);
}

TEST_CASE("mesh: nobody is held dead who is not, with and without loss and duplicates") {
  for (const double loss : {0.0, 0.05}) {
    ScenarioOptions options = scenario(64, loss);
    options.network.duplication = loss;
    options.span = 600s;
    const Figures figures = run_quiet(options);
    CHECK(figure(figures, "false deaths") == 0);
    CHECK(figure(figures, "sent per node") <= 2000);
  }
}

TEST_CASE("mesh: with a quarter stalled, Lifeguard spares nine of ten wrongly held dead") {
  ScenarioOptions options = scenario(64);
  options.span = kStalledSpan;
  const double with = figure(run_stalled(options), "false positives");
  options.swim.lifeguard = false;
  const double without = figure(run_stalled(options), "false positives");
  CHECK(without >= kFewestWithout);
  CHECK(with * 10 <= without);
}

TEST_CASE("mesh: two halves that were parted hold nobody of the other dead half a minute later") {
  ScenarioOptions options = scenario(64);
  options.span = 60s;
  const Figures figures = run_partition(options);
  CHECK(figure(figures, "wrong marks when they meet") == 64 * 32);
  CHECK(figure(figures, "wrong marks 30 s later") == 0);
}

TEST_CASE("mesh: who joins by one member knows all") {
  const Figures figures = run_join(scenario(64));
  CHECK(figure(figures, "all know all, after the last has joined") >= 0);
}

TEST_CASE("mesh: after churn and loss everybody's table is right again") {
  const Figures figures = run_churn(scenario(32, 0.05));
  CHECK(figure(figures, "wrong marks a minute later") == 0);
}

TEST_CASE("mesh: a member that accuses everybody kills nobody") {
  MeshWorld world(32, seed_of_run(), {}, {});
  std::size_t deaths = 0;
  world.on_change = [&](std::size_t, std::size_t, MemberChange change) {
    deaths += change == MemberChange::dead ? 1 : 0;
  };
  world.start_acquainted();
  world.pass(5s);
  for (int round = 0; round < 300; ++round) {
    // It claims suspicion and death, in everybody's name, of the incarnation that is held.
    const std::size_t subject = 1 + world.random().below(31);
    ByteWriter out;
    for (std::size_t accuser = 0; accuser < 6; ++accuser) {
      write_message(out, AccusationMessage{accuser > 2, world.identity(subject),
                                           world.swim(subject).incarnation(),
                                           world.identity((subject + accuser + 1) % 32)});
    }
    for (std::size_t to = 1; to < 32; ++to) {
      world.inject(0, to, {out.written().begin(), out.written().end()});
    }
    world.pass(200ms);
  }
  CHECK(deaths == 0);
  world.pass(60s);
  CHECK(world.wrong_marks() == 0);
}

}  // namespace
}  // namespace xm::test
