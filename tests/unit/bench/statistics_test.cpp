#include "agent/bench/statistics.hpp"

#include <doctest/doctest.h>

namespace xm::bench {

TEST_CASE("statistics: median and spread") {
  CHECK_FALSE(summarize({}).has_value());
  const auto one = summarize({7});
  CHECK(one->median == 7);
  CHECK(one->least == 7);
  CHECK(one->most == 7);
  const auto odd = summarize({5, 1, 100});
  CHECK(odd->median == 5);
  CHECK(odd->least == 1);
  CHECK(odd->most == 100);
  CHECK(summarize({4, 1, 2, 3})->median == doctest::Approx(2.5));
}

TEST_CASE("statistics: percentiles by nearest rank") {
  CHECK_FALSE(percentile({}, 0.5).has_value());
  std::vector<double> hundred;
  for (int i = 100; i > 0; --i) hundred.push_back(i);
  CHECK(percentile(hundred, 0.5) == 50);
  CHECK(percentile(hundred, 0.99) == 99);
  CHECK(percentile(hundred, 1) == 100);
  CHECK(percentile(hundred, 0) == 1);
  CHECK(percentile({3, 1}, 0.99) == 3);
  CHECK(percentile({3, 1}, 7) == 3);
}

}  // namespace xm::bench
