// xdp-mesh-sim: what the mesh does in a given situation, under virtual time, as a table.
//
//   xdp-mesh-sim SCENARIO [--nodes N] [--seed N] [--loss PERCENT] [--duplication PERCENT]
//                         [--delay LEAST_MS MOST_MS] [--crashes N] [--span SECONDS]
//                         [--no-lifeguard]
//
// Scenarios: crash, quiet, stalled, partition, join, churn.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

#include "tests/sim/mesh_scenarios.hpp"

namespace xm::test {
namespace {

constexpr const char* kUsage =
    "usage: xdp-mesh-sim crash|quiet|stalled|partition|join|churn [--nodes N] [--seed N]\n"
    "         [--loss PERCENT] [--duplication PERCENT] [--delay LEAST_MS MOST_MS]\n"
    "         [--crashes N] [--span SECONDS] [--no-lifeguard]\n";

struct Scenario {
  const char* name;
  Figures (*run)(const ScenarioOptions&);
};
constexpr Scenario kScenarios[] = {{"crash", run_crashes},   {"quiet", run_quiet},
                                   {"stalled", run_stalled}, {"partition", run_partition},
                                   {"join", run_join},       {"churn", run_churn}};

[[noreturn]] void fail(const std::string& why) {
  std::fprintf(stderr, "xdp-mesh-sim: %s\n%s", why.c_str(), kUsage);
  std::exit(2);
}

// The words after the scenario's name, one after another.
class Words {
 public:
  Words(int count, char** words) : count_(count), words_(words) {}
  [[nodiscard]] bool is_done() const { return next_ >= count_; }
  [[nodiscard]] std::string word() { return words_[next_++]; }
  [[nodiscard]] double number(const std::string& option) {
    if (is_done()) fail("expected a number after " + option);
    char* end = nullptr;
    const double value = std::strtod(words_[next_], &end);
    if (*end != '\0' || value < 0) {
      fail("expected a number after " + option + ", got '" + words_[next_] + "'");
    }
    ++next_;
    return value;
  }

 private:
  int count_;
  char** words_;
  int next_ = 2;
};

Duration of_seconds(double count) {
  return Duration(static_cast<std::int64_t>(count * 1e9));
}

ScenarioOptions parse(Words words) {
  ScenarioOptions options;
  options.seed = std::random_device{}();
  while (!words.is_done()) {
    const std::string option = words.word();
    if (option == "--nodes") {
      options.nodes = static_cast<std::size_t>(words.number(option));
      if (options.nodes < 3 || options.nodes > 4000) fail("expected 3 to 4000 nodes");
    } else if (option == "--seed") {
      options.seed = static_cast<std::uint64_t>(words.number(option));
    } else if (option == "--loss") {
      options.network.loss = words.number(option) / 100;
    } else if (option == "--duplication") {
      options.network.duplication = words.number(option) / 100;
    } else if (option == "--delay") {
      options.network.delay_least = of_seconds(words.number(option) / 1000);
      options.network.delay_most = of_seconds(words.number(option) / 1000);
    } else if (option == "--crashes") {
      options.crashes = static_cast<std::size_t>(words.number(option));
    } else if (option == "--span") {
      options.span = of_seconds(words.number(option));
    } else if (option == "--no-lifeguard") {
      options.swim.lifeguard = false;
    } else {
      fail("unknown option '" + option + "'");
    }
  }
  if (options.network.delay_most < options.network.delay_least) fail("expected LEAST_MS ≤ MOST_MS");
  return options;
}

int run(const Scenario& scenario, const ScenarioOptions& options) {
  std::printf("%s: %zu nodes, loss %g %%, duplication %g %%, Lifeguard %s, seed %llu\n",
              scenario.name, options.nodes, options.network.loss * 100,
              options.network.duplication * 100, options.swim.lifeguard ? "on" : "off",
              static_cast<unsigned long long>(options.seed));
  std::fflush(stdout);
  const auto begun = std::chrono::steady_clock::now();
  for (const Figure& figure : scenario.run(options)) {
    std::printf("  %-42s %12.2f %s\n", figure.name.c_str(), figure.value, figure.unit.c_str());
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  std::fprintf(stderr, "  (%.1f s)\n", took.count());
  return 0;
}

}  // namespace
}  // namespace xm::test

int main(int argc, char** argv) {
  using namespace xm::test;
  if (argc < 2) fail("expected a scenario");
  const std::string name = argv[1];
  if (name == "--help" || name == "-h") {
    std::fputs(kUsage, stdout);
    return 0;
  }
  for (const Scenario& scenario : kScenarios) {
    if (name == scenario.name) return run(scenario, parse(Words(argc, argv)));
  }
  fail("unknown scenario '" + name + "'");
}
