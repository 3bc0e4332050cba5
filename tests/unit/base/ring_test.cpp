#include "xdpmesh/ring.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <thread>

namespace xm {
namespace {

TEST_CASE("ring: first in, first out; full is the producer's to know") {
  SpscRing<int> ring(3);  // rounded up
  CHECK(ring.capacity() == 4);
  int value = 0;
  CHECK_FALSE(ring.pop(value));
  for (int i = 0; i < 4; ++i) CHECK(ring.push(int{i}));
  CHECK_FALSE(ring.push(4));
  CHECK(ring.size() == 4);
  for (int i = 0; i < 4; ++i) {
    CHECK(ring.pop(value));
    CHECK(value == i);
  }
  CHECK(ring.size() == 0);
}

TEST_CASE("ring: a refused value stays with the producer") {
  SpscRing<std::unique_ptr<int>> ring(1);
  CHECK(ring.push(std::make_unique<int>(1)));
  auto kept = std::make_unique<int>(2);
  CHECK_FALSE(ring.push(std::move(kept)));
  REQUIRE(kept != nullptr);  // NOLINT(bugprone-use-after-move): that is the point
  CHECK(*kept == 2);
}

TEST_CASE("ring: two threads, every value once and in order") {
  constexpr int kValues = 200'000;
  SpscRing<int> ring(64);
  std::thread producer([&] {
    for (int i = 0; i < kValues;) {
      if (ring.push(int{i})) {
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
  });
  int wrong = 0;
  for (int expected = 0; expected < kValues;) {
    int value = -1;
    if (!ring.pop(value)) {
      std::this_thread::yield();
      continue;
    }
    wrong += value != expected ? 1 : 0;
    ++expected;
  }
  producer.join();
  CHECK(wrong == 0);
}

}  // namespace
}  // namespace xm
