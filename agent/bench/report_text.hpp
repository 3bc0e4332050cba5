// The report for a terminal: what was measured on, medians with their spread, ratios and targets.
#pragma once

#include <string>

#include "agent/bench/report.hpp"

namespace xm::bench {

// With its final newline.
[[nodiscard]] std::string report_text(const Report& report);

// "4.41", or "4.41 (4.20-4.63)" of more than one sample.
[[nodiscard]] std::string show_summary(const Summary& summary, std::size_t samples, int decimals);

}  // namespace xm::bench
