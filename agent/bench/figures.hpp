// What is measured: rows are run, each gives one or more figures. Both lists are data.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "agent/ctl/bench_options.hpp"

namespace xm::bench {

// In the order of kBenchRows.
enum class Row : std::uint8_t {
  rtt,
  tcp1,
  tcp1_reverse,
  tcp8,
  tcp8_reverse,
  rtt_load,
  udp64,
  udp1300,
  rss,
  rss_thousand,
};
inline constexpr std::size_t kRows = kBenchRows.size();

struct RowInfo {
  const char* text;   // for the progress
  bool for_plain;     // plain veth has it too
  bool for_variants;  // measured for each engine and backend
  bool needs_ping;
  double fixed_seconds;  // on top of the seconds that a row lasts
  bool is_load;          // it lasts those seconds
};

enum class Metric : std::uint8_t {
  tcp1,
  tcp1_reverse,
  tcp8,
  tcp8_reverse,
  udp64_received,
  udp64_sent,
  udp64_loss,
  udp1300_received,
  udp1300_sent,
  udp1300_loss,
  rtt_p50,
  rtt_p99,
  rtt_load_p50,
  rtt_load_p99,
  cpu_a,
  cpu_b,
  cpu_machine,
  rss,
  rss_peak,
  rss_thousand,
};
inline constexpr std::size_t kMetrics = 20;

enum class Better : std::uint8_t { higher, lower, neither };

struct MetricInfo {
  const char* key;    // in JSON
  const char* title;  // for people
  const char* unit;
  int decimals;
  Better better;
};

[[nodiscard]] const RowInfo& info(Row row);
[[nodiscard]] const MetricInfo& info(Metric metric);

[[nodiscard]] constexpr std::array<Metric, kMetrics> all_metrics() {
  std::array<Metric, kMetrics> all{};
  for (std::size_t i = 0; i < kMetrics; ++i) all[i] = static_cast<Metric>(i);
  return all;
}

[[nodiscard]] std::string_view row_key(Row row);

}  // namespace xm::bench
