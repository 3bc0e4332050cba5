#include "agent/path/gso_batch.hpp"

#include <doctest/doctest.h>

#include <random>
#include <vector>

namespace xm {
namespace {

std::vector<SealedDatagram> equal(std::size_t count, std::uint32_t length) {
  return std::vector<SealedDatagram>(count, SealedDatagram{.length = length});
}

TEST_CASE("gso_batch: conditions [1] to [6]") {
  struct Row {
    const char* why;
    std::vector<SealedDatagram> datagrams;
    std::uint32_t taken, bytes, segment_size;
  };
  const std::vector<Row> rows{
      {"nothing", {}, 0, 0, 0},
      {"one", {{100, 0, 0}}, 1, 100, 100},
      {"equal", {{100, 0, 0}, {100, 0, 0}, {100, 0, 0}}, 3, 300, 100},
      {"[1] another destination", {{100, 0, 0}, {100, 1, 0}}, 1, 100, 100},
      {"[1] there and back", {{100, 1, 0}, {100, 1, 0}, {100, 0, 0}, {100, 1, 0}}, 2, 200, 100},
      {"[2] another TOS", {{100, 0, 0}, {100, 0, 2}}, 1, 100, 100},
      {"[3] a shorter one ends it", {{100, 0, 0}, {99, 0, 0}, {99, 0, 0}}, 2, 199, 100},
      {"[3] equal after shorter", {{100, 0, 0}, {99, 0, 0}, {100, 0, 0}}, 2, 199, 100},
      {"[4] a longer one", {{100, 0, 0}, {100, 0, 0}, {101, 0, 0}}, 2, 200, 100},
      {"[4] an empty one", {{100, 0, 0}, {0, 0, 0}}, 1, 100, 100},
      {"[5] 64 segments", equal(64, 32), 64, 64 * 32, 32},
      {"[5] 65 segments", equal(65, 32), 64, 64 * 32, 32},
      {"[6] 45 of 1452", equal(64, 1452), 45, 45 * 1452, 1452},
      {"[6] 65,507 exactly", {{65000, 0, 0}, {507, 0, 0}}, 2, 65507, 65000},
      {"[6] one byte more", {{65000, 0, 0}, {508, 0, 0}}, 1, 65000, 65000},
      {"[6] one that is too long by itself", {{70000, 0, 0}, {1, 0, 0}}, 1, 70000, 70000},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    const GsoRun run = next_gso_run(row.datagrams);
    CHECK(run.datagrams == row.taken);
    CHECK(run.bytes == row.bytes);
    CHECK(run.segment_size == row.segment_size);
  }
}

TEST_CASE("gso_batch: runs cover everything once and are what the kernel takes") {
  const std::uint32_t seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 engine(seed);
  const auto random = [&] { return static_cast<std::uint32_t>(engine()); };
  for (int round = 0; round < 200; ++round) {
    std::vector<SealedDatagram> datagrams(random() % 300);
    for (SealedDatagram& datagram : datagrams) {
      datagram.length = random() % 4 == 0 ? 32 + random() % 1500 : 1452;
      datagram.destination = random() % 20 == 0 ? 1 : 0;
      datagram.tos = random() % 30 == 0 ? 2 : 0;
    }
    std::span<const SealedDatagram> left = datagrams;
    while (!left.empty()) {
      const GsoRun run = next_gso_run(left);
      REQUIRE(run.datagrams >= 1);
      REQUIRE(run.datagrams <= kMaxSegments);
      REQUIRE(run.bytes <= kMaxUdpPayload);
      std::uint32_t bytes = 0;
      for (std::size_t i = 0; i < run.datagrams; ++i) {
        bytes += left[i].length;
        CHECK(left[i].destination == left[0].destination);
        CHECK(left[i].tos == left[0].tos);
        if (i + 1 < run.datagrams) CHECK(left[i].length == run.segment_size);
        CHECK(left[i].length <= run.segment_size);
      }
      CHECK(bytes == run.bytes);
      left = left.subspan(run.datagrams);
    }
  }
}

}  // namespace
}  // namespace xm
