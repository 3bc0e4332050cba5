// Running one row on a tunnel that is up.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "agent/bench/figures.hpp"
#include "agent/bench/lab.hpp"
#include "agent/bench/tunnel.hpp"
#include "xdpmesh/result.hpp"

namespace xm::bench {

using Figures = std::vector<std::pair<Metric, double>>;

// Lasts `seconds` and a little more. An error with EINTR when interrupted, else with what went
// wrong; the tunnel can then be measured on, unless an end of it died.
[[nodiscard]] Result<Figures> measure(Row row, const Lab& lab, Tunnel& tunnel,
                                      std::uint32_t seconds);

}  // namespace xm::bench
