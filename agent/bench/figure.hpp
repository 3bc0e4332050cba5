// A measured value with its spread.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

namespace xm {

// Of many samples: the median, and where the middle eight tenths of them lie.
struct Figure {
  double median = 0;
  double low = 0;   // 10th percentile
  double high = 0;  // 90th percentile
};

// All zero for no samples.
[[nodiscard]] Figure figure_of(const std::vector<double>& samples);

// For differences: nanoseconds of a clock that nobody sets.
[[nodiscard]] inline std::int64_t stopwatch_nanoseconds() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace xm
