#include "agent/node_backoff.hpp"

#include <doctest/doctest.h>

namespace xm {

TEST_CASE("backoff: at once, then after 1, 2, 4 and at most 64 seconds, and anew after a reset") {
  Backoff backoff;
  Instant now{1'000'000'000};
  for (int round = 0; round < 2; ++round) {
    CHECK(backoff.is_due(now));
    for (const int seconds : {1, 2, 4, 8, 16, 32, 64, 64}) {
      backoff.failed(now);
      const Duration wait = std::chrono::seconds(seconds);
      CHECK_FALSE(backoff.is_due(now + wait - 1ns));
      now = now + wait;
      CHECK(backoff.is_due(now));
    }
    backoff.failed(now);
    CHECK_FALSE(backoff.is_due(now));
    backoff.reset();
  }
}

}  // namespace xm
