// `xdp-mesh bench path`: the receiving and the sending walk in one thread without a kernel, in
// nanoseconds a packet, whole and by stage. The input is the same in every run.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "agent/bench/figure.hpp"
#include "agent/ctl/bench_parts_options.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

struct StageFigure {
  PathStage stage = PathStage::tx;
  Figure nanoseconds;  // a packet
};

// One direction of one workload.
struct WalkReport {
  PathStage walk = PathStage::tx;   // or rx
  std::uint64_t packets = 0;        // inner packets taken through it
  std::uint64_t arrived = 0;        // of those, the ones that came out at the far end
  Figure whole;                     // all zero when only a stage was asked for
  std::vector<StageFigure> stages;  // in order; empty when only the walk was asked for

  [[nodiscard]] double sum_of_stages() const;
};

struct PathReport {
  struct Workload {
    std::string name;
    std::string about;
    std::uint32_t batch = 0;  // packets
    std::vector<WalkReport> walks;
  };
  std::string aead;  // AeadEngine::description()
  std::vector<Workload> workloads;
};

// An error when the engine that is asked for does not start.
[[nodiscard]] Result<PathReport> measure_path(const PathBenchOptions& options);

// The tables, and one JSON object; both with a final newline.
[[nodiscard]] std::string path_report_text(const PathReport& report);
[[nodiscard]] std::string path_report_json(const PathReport& report);

// Measures and prints; returns the exit code.
[[nodiscard]] int bench_path(const PathBenchOptions& options, std::FILE* out, std::FILE* err);

}  // namespace xm
