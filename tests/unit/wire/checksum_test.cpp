#include "agent/wire/checksum.hpp"

#include <doctest/doctest.h>

#include <random>
#include <vector>

#include "tests/support/packet_builder.hpp"

namespace xm {
namespace {

using test::naive_sum;
using test::Packet;
using test::payload_bytes;

// The folded sum as a number in host order, to compare with the naive one.
std::uint16_t folded(PartialSum sum) {
  const std::uint16_t in_memory = checksum_fold(sum);
  std::uint8_t bytes[2];
  std::memcpy(bytes, &in_memory, sizeof bytes);
  return load_be16(bytes);
}

TEST_CASE("checksum: the example of RFC 1071") {
  const Packet bytes{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  CHECK(folded(checksum_sum(bytes)) == 0xddf2);
}

TEST_CASE("checksum: equals the naive sum at every length and alignment") {
  const Packet random = payload_bytes(600);
  const Packet ones(600, 0xff);
  for (const Packet& source : {random, ones}) {
    for (std::size_t start = 0; start < 9; ++start) {
      for (std::size_t length = 0; length + start <= 400; ++length) {
        const Bytes bytes = Bytes(source).subspan(start, length);
        const std::uint16_t expected = naive_sum(Packet(bytes.begin(), bytes.end()));
        Packet copy(length + 1, 0x5a);
        const bool same = folded(checksum_sum(bytes)) == expected &&
                          folded(checksum_sum_portable(bytes)) == expected &&
                          folded(checksum_copy(copy.data(), bytes)) == expected &&
                          std::equal(bytes.begin(), bytes.end(), copy.begin()) &&
                          copy.back() == 0x5a;
        if (!same) FAIL("start ", start, " length ", length);
        if (length % 4 == 0) CHECK(folded(checksum_header(bytes.data(), length)) == expected);
      }
    }
  }
}

TEST_CASE("checksum: 64 KB of ones do not overflow") {
  const Packet ones(65535, 0xff);
  CHECK(folded(checksum_sum(ones)) == naive_sum(ones));
  CHECK(folded(checksum_sum_portable(ones)) == naive_sum(ones));
}

TEST_CASE("checksum: stored fields verify, and zero is what each protocol says") {
  Packet header = payload_bytes(20);
  header[10] = header[11] = 0;
  checksum_store(header.data() + 10, checksum_sum(header));
  CHECK(checksum_is_valid(checksum_sum(header)));
  header[3] ^= 1;
  CHECK_FALSE(checksum_is_valid(checksum_sum(header)));

  std::uint8_t field[2];
  checksum_store(field, 0xffff);
  CHECK(load_be16(field) == 0);
  checksum_store_udp(field, 0xffff);
  CHECK(load_be16(field) == 0xffff);
  checksum_store_partial(field, checksum_word(0x1234) + checksum_word(0x1111));
  CHECK(load_be16(field) == 0x2345);
}

TEST_CASE("checksum: pseudo headers of both families") {
  for (const bool v6 : {false, true}) {
    test::PacketSpec spec;
    if (v6) {
      spec.source = "2001:db8::1";
      spec.destination = "fe80::ffff:2";
    }
    const Packet ip = test::build_packet(spec);
    const Packet pseudo = test::pseudo_header_of(spec, 1234);
    const PartialSum sum =
        v6 ? pseudo_header_v6(ip.data(), 6, 1234) : pseudo_header_v4(ip.data(), 6, 1234);
    CHECK(folded(sum) == naive_sum(pseudo));
  }
}

}  // namespace
}  // namespace xm
