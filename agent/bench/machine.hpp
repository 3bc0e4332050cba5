// What the figures were measured on.
#pragma once

#include <string_view>

#include "agent/bench/report.hpp"

namespace xm::bench {

[[nodiscard]] Machine describe_machine();

// The parts that /proc/cpuinfo tells: model and instruction sets, of x86-64 and ARM.
[[nodiscard]] Machine parse_cpuinfo(std::string_view cpuinfo);

// "2026-01-31T23:59:59Z", now.
[[nodiscard]] std::string utc_now();

}  // namespace xm::bench
