#include "agent/path/bytes_ring.hpp"

#include <doctest/doctest.h>

#include <deque>
#include <random>
#include <thread>

namespace xm {
namespace {

using Packet = std::vector<std::uint8_t>;

struct Taken {
  std::uint64_t label = 0;
  Packet bytes;
};

TEST_CASE("bytes ring: first in, first out, byte for byte, round after round") {
  BytesRing<std::uint64_t> ring(8, 1000);
  std::mt19937 random(5);
  std::deque<Packet> kept;
  std::size_t refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    if (random() % 2 == 0) {
      Packet packet(random() % 400);
      for (std::uint8_t& byte : packet) byte = static_cast<std::uint8_t>(random());
      if (ring.push(kept.size(), packet)) {
        kept.push_back(std::move(packet));
      } else {
        ++refused;
      }
    } else {
      Taken taken;
      REQUIRE(ring.pop(taken.label, taken.bytes) == !kept.empty());
      if (kept.empty()) continue;
      REQUIRE(taken.bytes == kept.front());
      kept.pop_front();
    }
  }
  CHECK(refused > 0);
}

TEST_CASE("bytes ring: bounded by bytes and by packets") {
  BytesRing<std::uint64_t> ring(4, 1000);
  CHECK_FALSE(ring.push(1, Packet(1001)));
  CHECK(ring.push(1, Packet(600)));
  CHECK_FALSE(ring.push(1, Packet(600)));
  CHECK(ring.push(2, Packet(400)));
  CHECK(ring.push(3, {}));
  Taken taken;
  REQUIRE(ring.pop(taken.label, taken.bytes));
  CHECK(taken.label == 1);
  CHECK(ring.push(4, Packet(600)));
  CHECK(ring.push(5, {}));
  CHECK_FALSE(ring.push(6, {}));
  for (const std::uint64_t label : {2U, 3U, 4U, 5U}) {
    REQUIRE(ring.pop(taken.label, taken.bytes));
    CHECK(taken.label == label);
  }
  CHECK_FALSE(ring.pop(taken.label, taken.bytes));
}

TEST_CASE("bytes ring: between two threads nothing is torn or lost") {
  constexpr std::size_t kPackets = 20'000;
  BytesRing<std::uint64_t> ring(16, 4000);
  std::thread producer([&] {
    for (std::size_t i = 0; i < kPackets;) {
      const Packet packet(1 + i % 900, static_cast<std::uint8_t>(i));
      if (ring.push(i, packet)) {
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
  });
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < kPackets;) {
    Taken taken;
    if (!ring.pop(taken.label, taken.bytes)) {
      std::this_thread::yield();
      continue;
    }
    wrong += taken.label != i || taken.bytes != Packet(1 + i % 900, static_cast<std::uint8_t>(i));
    ++i;
  }
  producer.join();
  CHECK(wrong == 0);
}

}  // namespace
}  // namespace xm
