// Changes come in bursts and are worth one look each: a burst is over after a while of silence, or
// when it has lasted long enough. Pure; any thread, one at a time.
#pragma once

#include <algorithm>

#include "xdpmesh/clock.hpp"

namespace xm {

class Burst {
 public:
  static constexpr Duration kQuiet = 100ms;
  static constexpr Duration kLongest = 1s;

  // Something changed.
  void note(Instant now) {
    if (first_.is_never()) first_ = now;
    last_ = now;
  }

  // When take() will say yes; kFarFuture when nothing has happened.
  [[nodiscard]] Instant due() const {
    return first_.is_never() ? kFarFuture : std::min(last_ + kQuiet, first_ + kLongest);
  }
  // True once a burst.
  [[nodiscard]] bool take(Instant now) {
    if (now < due()) return false;
    first_ = last_ = Instant{};
    return true;
  }

 private:
  Instant first_;  // of the burst; never when there is none
  Instant last_;
};

}  // namespace xm
