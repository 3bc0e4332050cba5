#include "agent/bench/figures.hpp"

namespace xm::bench {
namespace {

constexpr std::array<RowInfo, kRows> kRowInfo{{
    {"RTT, idle", true, true, true, 0.2, true},
    {"TCP, 1 stream, a to b", true, true, false, 0.5, true},
    {"TCP, 1 stream, b to a", true, false, false, 0.5, true},
    {"TCP, 8 streams, a to b", true, false, false, 0.5, true},
    {"TCP, 8 streams, b to a", true, false, false, 0.5, true},
    {"RTT beside one TCP stream", true, false, true, 1.5, true},
    {"UDP flood, 64 B", true, true, false, 0.5, true},
    {"UDP flood, 1300 B", true, true, false, 0.5, true},
    {"memory", false, true, false, 0.1, false},
    {"memory with 1,000 peers", false, false, false, 0.6, false},
}};

constexpr std::array<MetricInfo, kMetrics> kMetricInfo{{
    {"tcp1", "TCP, 1 stream, a to b", "Gbit/s", 2, Better::higher},
    {"tcp1_reverse", "TCP, 1 stream, b to a", "Gbit/s", 2, Better::higher},
    {"tcp8", "TCP, 8 streams, a to b", "Gbit/s", 2, Better::higher},
    {"tcp8_reverse", "TCP, 8 streams, b to a", "Gbit/s", 2, Better::higher},
    {"udp64_received", "UDP of 64 B, received", "kpackets/s", 1, Better::higher},
    {"udp64_sent", "UDP of 64 B, sent", "kpackets/s", 1, Better::neither},
    {"udp64_loss", "UDP of 64 B, lost", "%", 1, Better::neither},
    {"udp1300_received", "UDP of 1300 B, received", "kpackets/s", 1, Better::higher},
    {"udp1300_sent", "UDP of 1300 B, sent", "kpackets/s", 1, Better::neither},
    {"udp1300_loss", "UDP of 1300 B, lost", "%", 1, Better::neither},
    {"rtt_p50", "RTT idle, p50", "ms", 3, Better::lower},
    {"rtt_p99", "RTT idle, p99", "ms", 3, Better::lower},
    {"rtt_load_p50", "RTT under load, p50", "ms", 3, Better::lower},
    {"rtt_load_p99", "RTT under load, p99", "ms", 3, Better::lower},
    {"cpu_a", "CPU of end a (sends)", "s/GB", 2, Better::lower},
    {"cpu_b", "CPU of end b (receives)", "s/GB", 2, Better::lower},
    {"cpu_machine", "CPU of the machine", "s/GB", 2, Better::lower},
    {"rss", "RSS, the larger end", "MB", 1, Better::lower},
    {"rss_peak", "RSS, peak", "MB", 1, Better::lower},
    {"rss_thousand", "RSS with 1,000 peers", "MB", 1, Better::lower},
}};

}  // namespace

const RowInfo& info(Row row) {
  return kRowInfo[static_cast<std::size_t>(row)];
}

const MetricInfo& info(Metric metric) {
  return kMetricInfo[static_cast<std::size_t>(metric)];
}

std::string_view row_key(Row row) {
  return kBenchRows[static_cast<std::size_t>(row)];
}

}  // namespace xm::bench
