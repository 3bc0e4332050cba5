// When to try again what was refused: soon at first, then ever more rarely. Pure.
#pragma once

#include <algorithm>

#include "xdpmesh/clock.hpp"

namespace xm {

class Backoff {
 public:
  static constexpr Duration kFirst = 1s;
  static constexpr Duration kLongest = 64s;

  [[nodiscard]] bool is_due(Instant now) const { return now >= next_; }
  // It was tried, in vain.
  void failed(Instant now) {
    next_ = now + wait_;
    wait_ = std::min(wait_ * 2, Duration(kLongest));
  }
  // It worked, or something has changed: the next try is due at once, the one after it soon.
  void reset() {
    next_ = {};
    wait_ = kFirst;
  }

 private:
  Instant next_{};
  Duration wait_ = kFirst;
};

}  // namespace xm
