#include "agent/bench/progress.hpp"

#include <doctest/doctest.h>

namespace xm::bench {

TEST_CASE("progress: durations for people") {
  CHECK(show_duration(0) == "0:00");
  CHECK(show_duration(-3) == "0:00");
  CHECK(show_duration(187.4) == "3:07");
  CHECK(show_duration(3723) == "1:02:03");
}

TEST_CASE("progress: what is left follows the pace so far, once there is one") {
  CHECK(remaining_seconds(100, 0, 5) == doctest::Approx(100));
  CHECK(remaining_seconds(100, 50, 50) == doctest::Approx(50));
  CHECK(remaining_seconds(100, 50, 100) == doctest::Approx(100));
  CHECK(remaining_seconds(100, 120, 100) == doctest::Approx(0));
}

}  // namespace xm::bench
