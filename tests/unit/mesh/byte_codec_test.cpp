#include "agent/mesh/byte_codec.hpp"

#include <doctest/doctest.h>

namespace xm {

TEST_CASE("byte codec: what was written is read again, and nothing is left") {
  ByteWriter out;
  out.u8(0xab);
  out.u16(0x1234);
  out.u32(0x12345678);
  out.u64(0x123456789abcdef0);
  out.text("mesh");
  out.bytes(bytes_of("xy"));
  CHECK(out.size() == 1 + 2 + 4 + 8 + 5 + 2);
  const auto bytes = out.take();
  CHECK(bytes[1] == 0x34);  // little-endian
  ByteReader in(bytes);
  CHECK(in.u8() == 0xab);
  CHECK(in.u16() == 0x1234);
  CHECK(in.u32() == 0x12345678);
  CHECK(in.u64() == 0x123456789abcdef0);
  CHECK(in.text(4) == "mesh");
  CHECK_FALSE(in.complete());
  CHECK(in.take(2).size() == 2);
  CHECK(in.complete());
}

TEST_CASE("byte codec: a reader that ran out stays failed and gives zeroes") {
  const std::vector<std::uint8_t> bytes{1, 2, 3};
  ByteReader in(bytes);
  CHECK(in.u32() == 0);
  CHECK(in.failed());
  CHECK(in.u8() == 0);
  CHECK(in.take(1).empty());
  CHECK_FALSE(in.complete());
}

TEST_CASE("byte codec: a text or a count above its bound fails") {
  const std::vector<std::uint8_t> text{3, 'a', 'b', 'c'};
  ByteReader in(text);
  CHECK(in.text(2).empty());
  CHECK(in.failed());
  ByteReader counted(text);
  CHECK(counted.count(2) == 0);
  CHECK(counted.failed());
  ByteReader enough(text);
  CHECK(enough.count(3) == 3);
  CHECK_FALSE(enough.failed());
}

}  // namespace xm
