// Medians, spreads and percentiles of samples.
#pragma once

#include <optional>
#include <vector>

namespace xm::bench {

struct Summary {
  double median = 0;  // of an even number: the mean of the two in the middle
  double least = 0;
  double most = 0;
};

// Nothing of no samples.
[[nodiscard]] std::optional<Summary> summarize(std::vector<double> samples);

// The smallest sample that is not below a part `fraction` (0 to 1) of them: the nearest rank.
// Nothing of no samples.
[[nodiscard]] std::optional<double> percentile(std::vector<double> samples, double fraction);

}  // namespace xm::bench
