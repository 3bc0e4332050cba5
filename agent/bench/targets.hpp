// xdp-mesh beside the others: the ratios that the project has set itself, with their targets.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/bench/report.hpp"

namespace xm::bench {

struct Target {
  std::string text;  // "TCP, 1 stream, a to b / wireguard-go"
  double value = 0;
  std::string unit;             // empty: a ratio
  std::optional<double> bound;  // none: shown only
  bool at_least = true;         // or at most
  int decimals = 2;

  [[nodiscard]] bool met() const {
    return !bound || (at_least ? value >= *bound : value <= *bound);
  }
};

// All that can be said of this contestant with what was measured.
[[nodiscard]] std::vector<Target> judge(const Report& report, std::size_t subject);

// What `--rx auto` gives beside the better of the forced paths, for each mode that was measured.
[[nodiscard]] std::vector<Target> judge_attached(const Report& report);

// The titles of the figures in which the subject's median is worse than the other's.
[[nodiscard]] std::vector<std::string> worse_than(const Report& report, std::size_t subject,
                                                  std::size_t other);

// The fastest variant of ours that does not use IPsec-MB, by one TCP stream.
[[nodiscard]] std::optional<std::size_t> best_without_ipsec_mb(const Report& report);

// Whether a wireguard-go of this version has segmentation offloads (from 2023 on): the targets
// beside it are other ones. Unknown versions count as without.
[[nodiscard]] bool has_offloads(const std::string& wireguard_go_version);

}  // namespace xm::bench
