#include "agent/crypto/random.hpp"

#include <doctest/doctest.h>

#include <array>

namespace xm {

TEST_CASE("SystemRandom: fills what it is given, differently each time") {
  SystemRandom random;
  std::array<std::uint8_t, 32> first{};
  std::array<std::uint8_t, 32> second{};
  random.fill(first);
  random.fill(second);
  CHECK(first != second);
  CHECK(first != std::array<std::uint8_t, 32>{});
  random.fill({});
}

TEST_CASE("SystemRandom: stays inside its span") {
  SystemRandom random;
  std::array<std::uint8_t, 66> guarded{};
  random.fill(MutableBytes(guarded).subspan(1, 64));
  CHECK(guarded.front() == 0);
  CHECK(guarded.back() == 0);
}

}  // namespace xm
