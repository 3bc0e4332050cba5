// How well we are ourselves (Lifeguard, "local health multiplier"): a node that gets no answers
// where others would have got at least a refusal slows down before it accuses.
#pragma once

#include <algorithm>

#include "xdpmesh/clock.hpp"

namespace xm {

class Awareness {
 public:
  static constexpr int kWorst = 8;  // memberlist's AwarenessMaxMultiplier

  void improve() { score_ = std::max(0, score_ - 1); }
  void worsen(int by) { score_ = std::min(kWorst, score_ + by); }

  // 0: healthy.
  [[nodiscard]] int score() const { return score_; }
  [[nodiscard]] Duration scale(Duration timeout) const { return timeout * (score_ + 1); }

 private:
  int score_ = 0;
};

}  // namespace xm
