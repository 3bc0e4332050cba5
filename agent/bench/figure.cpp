#include "agent/bench/figure.hpp"

#include "agent/bench/statistics.hpp"

namespace xm {

Figure figure_of(const std::vector<double>& samples) {
  if (samples.empty()) return {};
  const auto at = [&](double part) { return bench::percentile(samples, part).value(); };
  return {.median = at(0.5), .low = at(0.1), .high = at(0.9)};
}

}  // namespace xm
