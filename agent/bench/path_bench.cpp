#include "agent/bench/path_bench.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "agent/bench/helped_engine.hpp"
#include "agent/bench/parts_report.hpp"
#include "agent/bench/path_stages.hpp"

namespace xm {
namespace {

constexpr std::size_t kFirstRxStage = static_cast<std::size_t>(PathStage::rx) + 1;

bool belongs_to(PathStage stage, PathStage walk) {
  return (static_cast<std::size_t>(stage) >= static_cast<std::size_t>(PathStage::rx)) ==
         (walk == PathStage::rx);
}

std::vector<PathStage> stages_of(PathStage walk) {
  const std::size_t begin = walk == PathStage::rx ? kFirstRxStage : 1;
  const std::size_t end = walk == PathStage::rx ? kPathStages : kFirstRxStage - 1;
  std::vector<PathStage> stages;
  for (std::size_t i = begin; i < end; ++i) stages.push_back(static_cast<PathStage>(i));
  return stages;
}

// One direction of one workload, batch after batch: the whole walk and its stages take turns.
class WalkMeter {
 public:
  WalkMeter(PathWorld& world, const PathWorkload& workload, PathStage walk,
            std::optional<PathStage> only)
      : world_(world), workload_(workload), walk_(walk), only_(only) {}

  [[nodiscard]] WalkReport measure(std::uint32_t packets) {
    const std::size_t batch = workload_.segments.size();
    const std::size_t batches = std::max<std::size_t>(1, packets / batch);
    for (std::size_t i = 0; i <= batches; ++i) {
      if (i == 1) forget_samples();  // the first one has warmed the caches
      if (wants_whole()) whole_.push_back(per_packet(run_whole()));
      if (wants_stages()) sample_stages();
      world_.drop_events();
    }
    WalkReport report{.walk = walk_,
                      .packets = batches * batch,
                      .arrived = arrived_,
                      .whole = figure_of(whole_),
                      .stages = {}};
    for (const PathStage stage : stages_of(walk_)) {
      if (!wants_stages() || (only_ && only_ != stage)) continue;
      report.stages.push_back({stage, figure_of(by_stage_[stage])});
    }
    return report;
  }

 private:
  [[nodiscard]] bool wants_whole() const { return !only_ || only_ == walk_; }
  [[nodiscard]] bool wants_stages() const { return !only_ || only_ != walk_; }
  [[nodiscard]] double per_packet(std::int64_t nanoseconds) const {
    return static_cast<double>(nanoseconds) / static_cast<double>(workload_.segments.size());
  }
  void forget_samples() {
    whole_.clear();
    by_stage_.clear();
    arrived_ = 0;
  }

  [[nodiscard]] std::int64_t run_whole() { return walk_ == PathStage::tx ? run_tx() : run_rx(); }
  [[nodiscard]] std::int64_t run_tx() {
    world_.tun.load(workload_.reads);
    const std::uint64_t before = world_.counters.sent_datagrams.value();
    const std::int64_t start = stopwatch_nanoseconds();
    while (world_.tx.run(world_.tun).last == TunIo::done) {
    }
    const std::int64_t spent = stopwatch_nanoseconds() - start;
    arrived_ += world_.counters.sent_datagrams.value() - before;
    return spent;
  }
  [[nodiscard]] std::int64_t run_rx() {
    world_.socket.load(world_.seal(workload_.segments), world_.source);
    const std::uint64_t before = world_.counters.delivered_packets.value();
    const std::int64_t start = stopwatch_nanoseconds();
    (void)world_.rx.run(world_.socket);
    const std::int64_t spent = stopwatch_nanoseconds() - start;
    arrived_ += world_.counters.delivered_packets.value() - before;
    return spent;
  }

  void sample_stages() {
    times_.clear();
    if (walk_ == PathStage::tx) {
      world_.tun.load(workload_.reads);
      const std::uint64_t before = tx_stages_.datagrams();
      tx_stages_.run(times_);
      if (!wants_whole()) arrived_ += tx_stages_.datagrams() - before;
    } else {
      const std::uint64_t before = rx_stages_.delivered();
      rx_stages_.run(world_.seal(workload_.segments), times_);
      if (!wants_whole()) arrived_ += rx_stages_.delivered() - before;
    }
    for (const PathStage stage : stages_of(walk_)) {
      by_stage_[stage].push_back(per_packet(times_.of(stage)));
    }
  }

  PathWorld& world_;
  const PathWorkload& workload_;
  const PathStage walk_;
  const std::optional<PathStage> only_;
  TxStages tx_stages_{world_};
  RxStages rx_stages_{world_};
  StageTimes times_;
  std::vector<double> whole_;
  std::map<PathStage, std::vector<double>> by_stage_;
  std::uint64_t arrived_ = 0;
};

Result<std::unique_ptr<AeadEngine>> engine_for(const PathBenchOptions& options) {
  AeadChoice choice;
  if (options.aead) {
    choice.small = choice.large = *options.aead;
  } else {
    choice = measure_aead_engines();
  }
  auto own = make_chosen_engine(choice);
  if (!own.ok() || options.helpers == 0) return own;
  std::vector<std::unique_ptr<AeadEngine>> helpers;
  for (std::uint32_t i = 0; i < options.helpers; ++i) {
    auto helper = make_chosen_engine(choice);
    if (!helper.ok()) return helper.error();
    helpers.push_back(std::move(helper).value());
  }
  return std::unique_ptr<AeadEngine>(
      std::make_unique<HelpedEngine>(std::move(own).value(), std::move(helpers)));
}

std::string walk_text(const PathReport::Workload& workload, const WalkReport& walk) {
  constexpr std::size_t kName = 12;
  constexpr std::size_t kNumber = 24;
  const auto row = [](const std::string& name, const std::string& number) {
    return "  " + pad_right(name, kName) + pad_left(number, kNumber) + "\n";
  };
  std::string text = workload.about + ", " + std::string(path_stage_name(walk.walk)) +
                     ", batches of " + std::to_string(workload.batch) + "\n";
  for (const StageFigure& stage : walk.stages) {
    text += row(std::string(path_stage_name(stage.stage)), figure_text(stage.nanoseconds));
  }
  const bool has_whole = walk.whole.median > 0;
  if (walk.stages.size() > 1) text += row("sum", decimal(walk.sum_of_stages(), 1));
  if (has_whole) text += row("whole walk", figure_text(walk.whole));
  if (has_whole && walk.stages.size() > 1) {
    text += row("remainder", decimal(walk.whole.median - walk.sum_of_stages(), 1));
  }
  return text + "\n";
}

}  // namespace

double WalkReport::sum_of_stages() const {
  double sum = 0;
  for (const StageFigure& stage : stages) sum += stage.nanoseconds.median;
  return sum;
}

Result<PathReport> measure_path(const PathBenchOptions& options) {
  auto engine = engine_for(options);
  if (!engine.ok()) return engine.error();
  PathReport report;
  report.aead = (*engine)->description();
  for (const PathWorkload& workload : path_workloads(options.size)) {
    PathReport::Workload result{.name = workload.name,
                                .about = workload.about,
                                .batch = static_cast<std::uint32_t>(workload.segments.size()),
                                .walks = {}};
    for (const PathStage walk : {PathStage::tx, PathStage::rx}) {
      if (options.stage && !belongs_to(*options.stage, walk)) continue;
      const auto world = std::make_unique<PathWorld>(**engine);
      result.walks.push_back(
          WalkMeter(*world, workload, walk, options.stage).measure(options.packets));
    }
    report.workloads.push_back(std::move(result));
  }
  return report;
}

std::string path_report_text(const PathReport& report) {
  std::string text = "ns a packet (10th to 90th percentile of the batches), one walk, no kernel; " +
                     report.aead + "\n\n";
  for (const PathReport::Workload& workload : report.workloads) {
    for (const WalkReport& walk : workload.walks) text += walk_text(workload, walk);
  }
  return text;
}

int bench_path(const PathBenchOptions& options, std::FILE* out, std::FILE* err) {
  const auto report = measure_path(options);
  if (!report.ok()) {
    (void)std::fprintf(err, "xdp-mesh: %s\n", report.error().what.c_str());
    return 1;
  }
  return print_report(
      path_report_text(report.value()), [&] { return path_report_json(report.value()); },
      options.json, out, err);
}

}  // namespace xm
