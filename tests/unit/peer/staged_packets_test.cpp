#include "agent/peer/staged_packets.hpp"

#include <doctest/doctest.h>

namespace xm {
namespace {

TEST_CASE("staged packets: 128 wait, the oldest gives way, order is kept") {
  StagedPackets staged;
  CHECK(staged.is_empty());
  for (unsigned i = 0; i < 128; ++i) CHECK(staged.push({static_cast<std::uint8_t>(i)}) == 0);
  CHECK(staged.push({128}) == 1);
  CHECK(staged.push({129}) == 1);
  CHECK(staged.size() == 128);
  const auto packets = staged.take();
  REQUIRE(packets.size() == 128);
  CHECK(packets.front().front() == 2);
  CHECK(packets.back().front() == 129);
  CHECK(staged.is_empty());
  CHECK(staged.take().empty());
}

TEST_CASE("staged packets: super-packets are bounded by their bytes") {
  StagedPackets staged;
  const auto super_packet = [](std::uint8_t first) {
    StagedPackets::Packet packet(60'000);
    packet[0] = first;
    return packet;
  };
  for (std::uint8_t i = 0; i < 4; ++i) CHECK(staged.push(super_packet(i)) == 0);
  CHECK(staged.push(super_packet(4)) == 1);
  CHECK(staged.push({5}) == 0);
  const auto packets = staged.take();
  REQUIRE(packets.size() == 5);
  CHECK(packets.front().front() == 1);
  // All room is there again, and one packet beyond every bound is still let through alone.
  CHECK(staged.push(StagedPackets::Packet(StagedPackets::kCapacityBytes)) == 0);
  CHECK(staged.push(StagedPackets::Packet(2 * StagedPackets::kCapacityBytes)) == 1);
  CHECK(staged.size() == 1);
}

TEST_CASE("staged packets: one of 64 KB pushes out as many as it needs, and taking frees all") {
  StagedPackets staged;
  const StagedPackets::Packet large(60'000);
  for (int i = 0; i < 4; ++i) CHECK(staged.push(large) == 0);
  CHECK(staged.push(large) == 1);
  CHECK(staged.push(StagedPackets::Packet(65'545)) == 1);
  CHECK(staged.size() == 4);
  (void)staged.take();
  for (int i = 0; i < 4; ++i) CHECK(staged.push(large) == 0);
}

}  // namespace
}  // namespace xm
