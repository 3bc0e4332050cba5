#include "tests/sim/mesh_scenarios.hpp"

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <utility>

namespace xm::test {
namespace {

double seconds(Duration span) {
  return std::chrono::duration<double>(span).count();
}

double percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const auto rank = static_cast<std::size_t>(share * static_cast<double>(values.size()));
  return values[std::min(rank, values.size() - 1)];
}

// The crash of one node, and who has yet to see it.
struct Crash {
  std::size_t node = 0;
  Instant at;
  std::vector<bool> is_waiting;
  std::size_t waiting = 0;
  bool is_seen = false;

  void no_more_waits_for(std::size_t observer) {
    if (!is_waiting[observer]) return;
    is_waiting[observer] = false;
    --waiting;
  }
};

class CrashWatch {
 public:
  CrashWatch(MeshWorld& world, Duration recovery) : world_(world), recovery_(recovery) {
    world_.on_change = [this](std::size_t observer, std::size_t subject, MemberChange change) {
      if (change == MemberChange::dead) saw_dead(observer, subject);
    };
  }

  void crash_one() {
    std::size_t node = 0;
    do node = world_.random().below(world_.size());
    while (!world_.is_running(node));
    world_.crash(node);
    for (Crash& crash : underway_) crash.no_more_waits_for(node);
    Crash crash{node, world_.now(), {}, 0, false};
    for (std::size_t i = 0; i < world_.size(); ++i) {
      crash.is_waiting.push_back(world_.is_running(i));
      crash.waiting += world_.is_running(i) ? 1 : 0;
    }
    underway_.push_back(std::move(crash));
  }

  // Brings back whose crash all have seen for a while.
  void bring_back() {
    while (!seen_.empty() && world_.now() - seen_.front().second >= recovery_) {
      std::size_t through = 0;
      do through = world_.random().below(world_.size());
      while (!world_.is_running(through));
      world_.start(seen_.front().first, through, true);
      seen_.pop_front();
    }
  }

  [[nodiscard]] bool is_idle() const { return underway_.empty() && seen_.empty(); }
  [[nodiscard]] const std::vector<double>& times() const { return times_; }
  [[nodiscard]] const std::vector<double>& first_times() const { return first_times_; }
  [[nodiscard]] std::size_t false_deaths() const { return false_deaths_; }
  [[nodiscard]] std::size_t unseen() const { return underway_.size(); }

 private:
  void saw_dead(std::size_t observer, std::size_t subject) {
    if (world_.is_running(subject)) {
      ++false_deaths_;
      return;
    }
    for (std::size_t i = 0; i < underway_.size(); ++i) {
      Crash& crash = underway_[i];
      if (crash.node != subject || !crash.is_waiting[observer]) continue;
      const double after = seconds(world_.now() - crash.at);
      if (!std::exchange(crash.is_seen, true)) first_times_.push_back(after);
      crash.no_more_waits_for(observer);
      if (crash.waiting != 0) continue;
      times_.push_back(after);
      seen_.emplace_back(subject, world_.now());
      underway_.erase(underway_.begin() + static_cast<std::ptrdiff_t>(i));
      return;
    }
  }

  MeshWorld& world_;
  Duration recovery_;
  std::vector<Crash> underway_;
  std::deque<std::pair<std::size_t, Instant>> seen_;
  std::vector<double> times_;
  std::vector<double> first_times_;
  std::size_t false_deaths_ = 0;
};

}  // namespace

double figure(const Figures& figures, const std::string& name) {
  for (const Figure& candidate : figures) {
    if (candidate.name == name) return candidate.value;
  }
  std::abort();
}

Figures run_crashes(const ScenarioOptions& options) {
  MeshWorld world(options.nodes, options.seed, options.network, options.swim);
  world.start_acquainted();
  CrashWatch watch(world, 5s);
  world.pass(5s);
  const bool overlap = options.nodes >= 500;
  for (std::size_t i = 0; i < options.crashes; ++i) {
    // Not in step with anybody's period.
    world.pass(Duration(static_cast<std::int64_t>(world.random().below(500'000'000))));
    watch.crash_one();
    if (overlap) {
      world.pass(4s);
      watch.bring_back();
      continue;
    }
    for (int steps = 0; steps < 600 && !watch.is_idle(); ++steps) {
      world.pass(200ms);
      watch.bring_back();
    }
    world.pass(10s);
  }
  world.pass(60s);
  return {{"crashes seen by all", static_cast<double>(watch.times().size()), ""},
          {"crashes not seen by all", static_cast<double>(watch.unseen()), ""},
          {"first mark, median", percentile(watch.first_times(), 0.5), "s"},
          {"seen by all, median", percentile(watch.times(), 0.5), "s"},
          {"seen by all, p99", percentile(watch.times(), 0.99), "s"},
          {"seen by all, worst", percentile(watch.times(), 1), "s"},
          {"false deaths", static_cast<double>(watch.false_deaths()), ""}};
}

Figures run_quiet(const ScenarioOptions& options) {
  MeshWorld world(options.nodes, options.seed, options.network, options.swim);
  std::size_t suspicions = 0;
  std::size_t deaths = 0;
  world.on_change = [&](std::size_t, std::size_t, MemberChange change) {
    suspicions += change == MemberChange::suspect ? 1 : 0;
    deaths += change == MemberChange::dead ? 1 : 0;
  };
  world.start_acquainted();
  world.pass(10s);
  const std::uint64_t bytes = world.bytes_sent();
  const std::uint64_t datagrams = world.datagrams_sent();
  world.pass(options.span);
  const double node_seconds = seconds(options.span) * static_cast<double>(options.nodes);
  return {{"false deaths", static_cast<double>(deaths), ""},
          {"false suspicions", static_cast<double>(suspicions), ""},
          {"sent per node", static_cast<double>(world.bytes_sent() - bytes) / node_seconds, "B/s"},
          {"datagrams per node",
           static_cast<double>(world.datagrams_sent() - datagrams) / node_seconds, "1/s"}};
}

Figures run_stalled(const ScenarioOptions& options) {
  MeshWorld world(options.nodes, options.seed, options.network, options.swim);
  const std::size_t stalled = options.nodes / 4;
  std::size_t by_stalled = 0;
  std::size_t by_healthy = 0;
  std::size_t stalled_marked = 0;
  world.on_change = [&](std::size_t observer, std::size_t subject, MemberChange change) {
    if (change != MemberChange::dead) return;
    if (subject < stalled) {
      ++stalled_marked;
    } else {
      ++(observer < stalled ? by_stalled : by_healthy);
    }
  };
  world.start_acquainted();
  world.pass(10s);
  for (std::size_t i = 0; i < stalled; ++i) world.stall(i, 8s, 500ms);
  world.pass(options.span);
  return {{"false positives", static_cast<double>(by_stalled + by_healthy), ""},
          {"of them at healthy nodes", static_cast<double>(by_healthy), ""},
          {"stalled nodes marked dead", static_cast<double>(stalled_marked), ""}};
}

Figures run_partition(const ScenarioOptions& options) {
  MeshWorld world(options.nodes, options.seed, options.network, options.swim);
  world.start_acquainted();
  world.pass(10s);
  for (std::size_t i = 0; i < world.size(); i += 2) world.set_side(i, 1);
  world.pass(options.span);
  const auto parted = static_cast<double>(world.wrong_marks());
  for (std::size_t i = 0; i < world.size(); i += 2) world.set_side(i, 0);
  const std::uint64_t bytes = world.bytes_sent();
  double healed = -1;
  std::size_t after_30 = 0;
  for (int second = 1; second <= 60; ++second) {
    world.pass(1s);
    const std::size_t wrong = world.wrong_marks();
    if (second == 30) after_30 = wrong;
    if (wrong != 0) healed = -1;
    if (wrong == 0 && healed < 0) healed = second;
  }
  const double node_seconds = 60 * static_cast<double>(options.nodes);
  return {{"wrong marks when they meet", parted, ""},
          {"wrong marks 30 s later", static_cast<double>(after_30), ""},
          {"no wrong mark after", healed, "s"},
          {"sent per node in the minute after",
           static_cast<double>(world.bytes_sent() - bytes) / node_seconds, "B/s"}};
}

Figures run_join(const ScenarioOptions& options) {
  MeshWorld world(options.nodes, options.seed, options.network, options.swim);
  world.start_first();
  const Instant begun = world.now();
  for (std::size_t i = 1; i < world.size(); ++i) {
    world.start(i, world.random().below(i), false);
    world.pass(Duration(500ms));
  }
  const Instant last = world.now();
  double complete = -1;
  for (int step = 0; step < 600 && complete < 0; ++step) {
    if (world.wrong_marks() == 0) complete = seconds(world.now() - last);
    world.pass(100ms);
  }
  const double node_seconds = seconds(world.now() - begun) * static_cast<double>(options.nodes);
  return {
      {"all know all, after the last has joined", complete, "s"},
      {"sent per node meanwhile", static_cast<double>(world.bytes_sent()) / node_seconds, "B/s"}};
}

Figures run_churn(const ScenarioOptions& options) {
  MeshWorld world(options.nodes, options.seed, options.network, options.swim);
  world.start_acquainted();
  std::size_t deaths = 0;
  world.on_change = [&](std::size_t, std::size_t subject, MemberChange change) {
    deaths += change == MemberChange::dead && world.is_running(subject) ? 1 : 0;
  };
  const Instant end = world.now() + options.span;
  std::size_t restarts = 0;
  while (world.now() < end) {
    world.pass(Duration(static_cast<std::int64_t>(world.random().below(2'000'000'000))));
    const std::size_t node = world.random().below(world.size());
    if (node == 0) continue;  // somebody is always there
    if (!world.is_running(node)) {
      world.start(node, 0, world.random().below(2) == 0);
      ++restarts;
    } else if (world.random().below(4) == 0) {
      world.leave(node);
    } else {
      world.crash(node);
    }
  }
  world.pass(60s);
  return {{"restarts", static_cast<double>(restarts), ""},
          {"deaths of running nodes", static_cast<double>(deaths), ""},
          {"wrong marks a minute later", static_cast<double>(world.wrong_marks()), ""}};
}

}  // namespace xm::test
