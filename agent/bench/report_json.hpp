// The report for programs.
#pragma once

#include <string>

#include "agent/bench/report.hpp"

namespace xm::bench {

inline constexpr int kReportSchemaVersion = 1;

// One JSON object with every sample, its final newline included. docs/benchmarking.md describes it.
[[nodiscard]] std::string report_json(const Report& report);

}  // namespace xm::bench
