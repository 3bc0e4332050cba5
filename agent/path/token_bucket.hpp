// So many a second, and a few more after a pause. One thread.
#pragma once

#include <algorithm>
#include <cstdint>

#include "xdpmesh/clock.hpp"

namespace xm {

class TokenBucket {
 public:
  TokenBucket(std::int64_t per_second, std::int64_t burst)
      : interval_(Duration(1s) / per_second), depth_(interval_ * burst) {}

  [[nodiscard]] bool take(Instant now) {
    const Instant earliest = now - depth_;
    if (spent_until_ < earliest) spent_until_ = earliest;
    if (spent_until_ + interval_ > now) return false;
    spent_until_ = spent_until_ + interval_;
    return true;
  }

 private:
  Duration interval_;
  Duration depth_;
  Instant spent_until_;
};

}  // namespace xm
