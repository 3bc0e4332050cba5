// What the simulator measures: each scenario builds a world of its own and returns its figures.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/sim/mesh_world.hpp"

namespace xm::test {

struct ScenarioOptions {
  std::size_t nodes = 64;
  std::uint64_t seed = 1;
  NetworkModel network;
  SwimOptions swim;
  std::size_t crashes = 200;  // crash
  Duration span = 300s;       // quiet, stalled, partition (its length), churn
};

// Row by row, for a person: what, and how much.
struct Figure {
  std::string name;
  double value = 0;
  std::string unit;
};
using Figures = std::vector<Figure>;
// The figure of that name; aborts when there is none.
[[nodiscard]] double figure(const Figures& figures, const std::string& name);

// One node after another crashes, and comes back later: how long until all others that run have
// marked it dead. Small meshes wait for each; from 500 nodes on a crash comes every 4 s.
[[nodiscard]] Figures run_crashes(const ScenarioOptions& options);
// Nobody crashes: marks that are false, and bytes that are sent.
[[nodiscard]] Figures run_quiet(const ScenarioOptions& options);
// A quarter of the nodes is stalled: 8 s held, 0.5 s free.
[[nodiscard]] Figures run_stalled(const ScenarioOptions& options);
// Two halves are parted for `span`; how wrong their marks are after they have met.
[[nodiscard]] Figures run_partition(const ScenarioOptions& options);
// Nodes that know one member each join one after another.
[[nodiscard]] Figures run_join(const ScenarioOptions& options);
// Nodes crash and return at random for `span`; what is wrong a minute after the last.
[[nodiscard]] Figures run_churn(const ScenarioOptions& options);

}  // namespace xm::test
