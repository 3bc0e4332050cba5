#include "agent/bench/figure.hpp"

#include <doctest/doctest.h>

#include "agent/bench/parts_report.hpp"

namespace xm {

TEST_CASE("figure: the median and the middle eight tenths, in any order of the samples") {
  const Figure figure = figure_of({11, 1, 10, 2, 9, 3, 8, 4, 7, 5, 6});
  CHECK(figure.median == 6);
  CHECK(figure.low == 2);
  CHECK(figure.high == 10);
  CHECK(figure_of({7}).median == 7);
  CHECK(figure_of({7}).low == 7);
  CHECK(figure_of({}).high == 0);
}

TEST_CASE("figure: as text, with as many digits as are worth reading") {
  CHECK(figure_text({.median = 12.34, .low = 9, .high = 20.06}) == "12.3 (9.0-20.1)");
  CHECK(figure_text({.median = 1234.4, .low = 99.5, .high = 2000}) == "1234 (100-2000)");
  CHECK(decimal(1.005, 0) == "1");
  CHECK(pad_left("ab", 4) == "  ab");
  CHECK(pad_right("ab", 4) == "ab  ");
  CHECK(pad_left("abcde", 4) == "abcde");
}

}  // namespace xm
