#include "agent/path/staged_ring.hpp"

#include <doctest/doctest.h>

#include <deque>
#include <random>
#include <thread>

namespace xm {
namespace {

using Packet = std::vector<std::uint8_t>;

TEST_CASE("staged ring: first in, first out, byte for byte, round after round") {
  StagedRing ring(8, 1000);
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
      StagedPacket taken;
      REQUIRE(ring.pop(taken) == !kept.empty());
      if (kept.empty()) continue;
      REQUIRE(taken.bytes == kept.front());
      kept.pop_front();
    }
  }
  CHECK(refused > 0);
}

TEST_CASE("staged ring: bounded by bytes and by packets") {
  StagedRing ring(4, 1000);
  CHECK_FALSE(ring.push(1, Packet(1001)));
  CHECK(ring.push(1, Packet(600)));
  CHECK_FALSE(ring.push(1, Packet(600)));
  CHECK(ring.push(2, Packet(400)));
  CHECK(ring.push(3, {}));
  StagedPacket taken;
  REQUIRE(ring.pop(taken));
  CHECK(taken.peer == 1);
  CHECK(ring.push(4, Packet(600)));
  CHECK(ring.push(5, {}));
  CHECK_FALSE(ring.push(6, {}));
  for (const PeerId peer : {2, 3, 4, 5}) {
    REQUIRE(ring.pop(taken));
    CHECK(taken.peer == peer);
  }
  CHECK_FALSE(ring.pop(taken));
}

TEST_CASE("staged ring: between two threads nothing is torn or lost") {
  constexpr std::size_t kPackets = 20'000;
  StagedRing ring(16, 4000);
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
    StagedPacket taken;
    if (!ring.pop(taken)) {
      std::this_thread::yield();
      continue;
    }
    wrong += taken.peer != i || taken.bytes != Packet(1 + i % 900, static_cast<std::uint8_t>(i));
    ++i;
  }
  producer.join();
  CHECK(wrong == 0);
}

}  // namespace
}  // namespace xm
