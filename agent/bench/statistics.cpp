#include "agent/bench/statistics.hpp"

#include <algorithm>
#include <cmath>

namespace xm::bench {

std::optional<Summary> summarize(std::vector<double> samples) {
  if (samples.empty()) return std::nullopt;
  std::sort(samples.begin(), samples.end());
  const std::size_t middle = samples.size() / 2;
  const double median =
      samples.size() % 2 == 1 ? samples[middle] : (samples[middle - 1] + samples[middle]) / 2;
  return Summary{median, samples.front(), samples.back()};
}

std::optional<double> percentile(std::vector<double> samples, double fraction) {
  if (samples.empty()) return std::nullopt;
  std::sort(samples.begin(), samples.end());
  const double rank =
      std::ceil(std::clamp(fraction, 0.0, 1.0) * static_cast<double>(samples.size()));
  const auto index = static_cast<std::size_t>(std::max(rank, 1.0)) - 1;
  return samples[index];
}

}  // namespace xm::bench
