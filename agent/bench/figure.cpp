#include "agent/bench/figure.hpp"

#include <algorithm>
#include <cstddef>

namespace xm {

Figure figure_of(std::vector<double> samples) {
  if (samples.empty()) return {};
  std::sort(samples.begin(), samples.end());
  const auto at = [&](std::size_t tenths) { return samples[(samples.size() - 1) * tenths / 10]; };
  return {.median = at(5), .low = at(1), .high = at(9)};
}

}  // namespace xm
