#include "agent/peer/staged_packets.hpp"

#include <doctest/doctest.h>

namespace xm {
namespace {

TEST_CASE("staged packets: 128 wait, the oldest gives way, order is kept") {
  StagedPackets staged;
  CHECK(staged.is_empty());
  for (unsigned i = 0; i < 128; ++i) CHECK(staged.push({static_cast<std::uint8_t>(i)}));
  CHECK_FALSE(staged.push({128}));
  CHECK_FALSE(staged.push({129}));
  CHECK(staged.size() == 128);
  const auto packets = staged.take();
  REQUIRE(packets.size() == 128);
  CHECK(packets.front().front() == 2);
  CHECK(packets.back().front() == 129);
  CHECK(staged.is_empty());
  CHECK(staged.take().empty());
}

}  // namespace
}  // namespace xm
