#include "agent/path/token_bucket.hpp"

#include <doctest/doctest.h>

namespace xm {
namespace {

TEST_CASE("token bucket: a burst, then the rate, and the burst again after a pause") {
  TokenBucket bucket(10, 5);
  Instant now{1'000'000'000'000};
  int taken = 0;
  while (bucket.take(now)) ++taken;
  CHECK(taken == 5);
  for (int i = 0; i < 20; ++i) {
    now = now + 100ms;
    CHECK(bucket.take(now));
    CHECK_FALSE(bucket.take(now));
  }
  now = now + 1h;
  taken = 0;
  while (bucket.take(now)) ++taken;
  CHECK(taken == 5);
}

}  // namespace
}  // namespace xm
