#include "xdpmesh/bytes.hpp"

#include <doctest/doctest.h>

#include <array>

#include "xdpmesh/counters.hpp"

namespace xm {
namespace {

TEST_CASE("bytes: loads and stores in both orders, at odd addresses") {
  std::array<std::uint8_t, 16> bytes{};
  store_le16(&bytes[1], 0x0102);
  CHECK(bytes[1] == 2);
  CHECK(load_be16(&bytes[1]) == 0x0201);
  store_be32(&bytes[3], 0x01020304);
  CHECK(bytes[3] == 1);
  CHECK(load_le32(&bytes[3]) == 0x04030201);
  store_le64(&bytes[7], 0x0102030405060708);
  CHECK(bytes[7] == 8);
  CHECK(load_be64(&bytes[7]) == 0x0807060504030201);
}

TEST_CASE("bytes: constant-time comparison") {
  const std::array<std::uint8_t, 3> a{1, 2, 3};
  std::array<std::uint8_t, 3> b = a;
  CHECK(equal_constant_time(a, b));
  CHECK_FALSE(equal_constant_time(a, Bytes(b).first(2)));
  for (std::size_t i = 0; i < b.size(); ++i) {
    b = a;
    b[i] ^= 0x80;
    CHECK_FALSE(equal_constant_time(a, b));
  }
  CHECK(equal_constant_time({}, {}));
}

TEST_CASE("counters: every drop reason has a name and a text of its own") {
  DropCounters drops;
  for (int i = 0; i < XM_DROP_COUNT; ++i) {
    const auto reason = static_cast<xm_drop>(i);
    CHECK_FALSE(drop_name(reason).empty());
    CHECK(drop_text(reason).size() > 8);
    for (int j = 0; j < i; ++j) CHECK(drop_name(reason) != drop_name(static_cast<xm_drop>(j)));
    drops.count(reason, static_cast<std::uint64_t>(i));
  }
  for (int i = 0; i < XM_DROP_COUNT; ++i) {
    CHECK(drops.of(static_cast<xm_drop>(i)) == static_cast<std::uint64_t>(i));
  }
}

}  // namespace
}  // namespace xm
