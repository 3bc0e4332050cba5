#include "agent/bench/path_bench.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "agent/bench/path_stages.hpp"
#include "agent/bench/path_workload.hpp"
#include "agent/ctl/bench_parts_options.hpp"
#include "agent/wire/ip.hpp"

namespace xm {
namespace {

PathReport measured(const PathBenchOptions& options) {
  auto report = measure_path(options);
  REQUIRE(report.ok());
  return std::move(report).value();
}

PathBenchOptions few(std::optional<PathStage> stage = std::nullopt) {
  PathBenchOptions options;
  options.packets = 600;
  options.stage = stage;
  options.aead = AeadKind::libsodium;
  return options;
}

}  // namespace

TEST_CASE("bench path: what the TUN device hands over splits into whole inner packets") {
  const auto workloads = path_workloads(std::nullopt);
  REQUIRE(workloads.size() == 4);
  for (const PathWorkload& workload : workloads) {
    CAPTURE(workload.name);
    CHECK(workload.segments.size() <= ReceiveBatch::kMaxFrames);
    for (const auto& segment : workload.segments) {
      REQUIRE(inner_length(segment) == segment.size());
      CHECK(segment.size() <= 1420);
    }
  }
  CHECK(workloads[0].segments.size() == 45 * workloads[0].reads.size());
  CHECK(workloads[0].segments[0].size() == 1420);
  CHECK(workloads[1].segments[0].size() == 28 + 64);
  const auto sized = path_workloads(kMaxBenchPayload);
  REQUIRE(sized.size() == 1);
  CHECK(sized[0].segments[0].size() == 1420);
}

TEST_CASE("bench path: every packet of every workload comes out of both walks") {
  const PathReport report = measured(few());
  CHECK(report.aead == "libsodium");
  REQUIRE(report.workloads.size() == 4);
  for (const PathReport::Workload& workload : report.workloads) {
    CAPTURE(workload.name);
    REQUIRE(workload.walks.size() == 2);
    CHECK(workload.walks[0].stages.size() == 5);
    CHECK(workload.walks[1].stages.size() == 6);
    for (const WalkReport& walk : workload.walks) {
      CHECK(walk.packets >= workload.batch);
      CHECK(walk.arrived == walk.packets);
      CHECK(walk.whole.median > 0);
      CHECK(walk.sum_of_stages() > 0);
    }
  }
}

TEST_CASE("bench path: with helpers every packet comes out as well") {
  PathBenchOptions options = few();
  options.helpers = 2;
  const PathReport report = measured(options);
  CHECK(report.aead == "libsodium, 2 helpers");
  for (const PathReport::Workload& workload : report.workloads) {
    CAPTURE(workload.name);
    for (const WalkReport& walk : workload.walks) CHECK(walk.arrived == walk.packets);
  }
}

TEST_CASE("bench path: the stages taken apart deliver what the walks do") {
  for (const PathStage stage : {PathStage::encrypt, PathStage::deliver}) {
    const PathReport report = measured(few(stage));
    for (const PathReport::Workload& workload : report.workloads) {
      CAPTURE(workload.name);
      REQUIRE(workload.walks.size() == 1);
      REQUIRE(workload.walks[0].stages.size() == 1);
      CHECK(workload.walks[0].stages[0].stage == stage);
      CHECK(workload.walks[0].arrived == workload.walks[0].packets);
      CHECK(workload.walks[0].whole.median == 0);
    }
  }
}

TEST_CASE("bench path: the stages join and batch as the walks do") {
  auto engine = make_aead_engine(AeadKind::libsodium);
  REQUIRE(engine.ok());
  for (const PathWorkload& workload : path_workloads(std::nullopt)) {
    CAPTURE(workload.name);
    PathWorld whole(**engine);
    PathWorld apart(**engine);
    StageTimes times;

    whole.socket.load(whole.seal(workload.segments), whole.source);
    CHECK(whole.rx.run(whole.socket) == workload.segments.size());
    RxStages rx(apart);
    rx.run(apart.seal(workload.segments), times);
    CHECK(rx.delivered() == workload.segments.size());
    CHECK(apart.tun.written() == whole.tun.written());

    whole.tun.load(workload.reads);
    while (whole.tx.run(whole.tun).last == TunIo::done) {
    }
    apart.tun.load(workload.reads);
    TxStages(apart).run(times);
    TxStages tx(apart);
    apart.tun.load(workload.reads);
    tx.run(times);
    CHECK(tx.datagrams() == workload.segments.size());
    CHECK(tx.sends() == whole.socket.sent());
  }
}

TEST_CASE("bench path: a walk alone has no stages; both reports parse") {
  const PathReport report = measured(few(PathStage::rx));
  for (const PathReport::Workload& workload : report.workloads) {
    REQUIRE(workload.walks.size() == 1);
    CHECK(workload.walks[0].walk == PathStage::rx);
    CHECK(workload.walks[0].stages.empty());
  }
  const auto json = nlohmann::json::parse(path_report_json(report));
  CHECK(json["bench"] == "path");
  CHECK(json["workloads"][0]["walks"][0]["stage_nanoseconds"].empty());
  CHECK(json["workloads"][0]["walks"][0]["whole_nanoseconds"]["median"] > 0);

  const PathReport whole = measured(few());
  const std::string text = path_report_text(whole);
  const auto all = nlohmann::json::parse(path_report_json(whole));
  for (std::size_t i = 0; i < kPathStages; ++i) {
    const std::string name(path_stage_name(static_cast<PathStage>(i)));
    CAPTURE(name);
    CHECK(text.find(name) != std::string::npos);
    const bool is_rx = i >= static_cast<std::size_t>(PathStage::rx);
    if (name == "tx" || name == "rx") continue;
    CHECK(all["workloads"][0]["walks"][is_rx ? 1 : 0]["stage_nanoseconds"].contains(name));
  }
  for (const char* word : {"sum", "whole walk", "remainder"}) {
    CHECK(text.find(word) != std::string::npos);
  }
}

}  // namespace xm
