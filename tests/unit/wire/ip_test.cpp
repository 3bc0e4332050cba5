#include "agent/wire/ip.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "agent/wire/checksum.hpp"
#include "tests/support/packet_builder.hpp"

namespace xm {
namespace {

using test::build_packet;
using test::Packet;
using test::PacketSpec;
using test::payload_bytes;

PacketSpec v6_spec() {
  PacketSpec spec;
  spec.source = "fd00::1";
  spec.destination = "fd00::2";
  return spec;
}

TEST_CASE("ip: inner_length() believes the header as far as the bytes go") {
  struct Row {
    const char* why;
    bool v6;
    std::uint8_t first_byte;
    std::uint32_t length_field;
    std::size_t given;
    std::optional<std::uint32_t> expected;
  };
  const std::vector<Row> rows{
      {"v4, exact", false, 0x45, 40, 40, 40},
      {"v4, padded", false, 0x45, 40, 48, 40},
      {"v4, header only", false, 0x45, 20, 20, 20},
      {"v4, one byte short", false, 0x45, 41, 40, std::nullopt},
      {"v4, length below its header", false, 0x45, 19, 40, std::nullopt},
      {"v4, length below its options", false, 0x46, 23, 40, std::nullopt},
      {"v4, options past the end", false, 0x4f, 60, 59, std::nullopt},
      {"v4, options fit", false, 0x4f, 60, 60, 60},
      {"v4, header length 4 words", false, 0x44, 40, 40, std::nullopt},
      {"v4, 19 bytes", false, 0x45, 20, 19, std::nullopt},
      {"no bytes", false, 0x45, 0, 0, std::nullopt},
      {"version 5", false, 0x55, 40, 40, std::nullopt},
      {"v6, exact", true, 0x60, 8, 48, 48},
      {"v6, padded", true, 0x60, 1, 48, 41},
      {"v6, no payload", true, 0x60, 0, 40, 40},
      {"v6, one byte short", true, 0x60, 9, 48, std::nullopt},
      {"v6, 39 bytes", true, 0x60, 0, 39, std::nullopt},
      {"version 7", true, 0x70, 8, 48, std::nullopt},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    Packet packet(64, 0);
    packet[0] = row.first_byte;
    test::set16(packet, row.v6 ? 4 : 2, row.length_field);
    CHECK(inner_length(Bytes(packet).first(row.given)) == row.expected);
  }
}

TEST_CASE("ip: addresses, ECN and version") {
  PacketSpec v4;
  v4.traffic_class = 0xfd;
  const Packet packet4 = build_packet(v4);
  CHECK(ip_version(packet4) == 4);
  CHECK(inner_source(packet4).to_string() == "10.0.0.1");
  CHECK(inner_destination(packet4).to_string() == "10.0.0.2");
  CHECK(inner_ecn(packet4) == 1);

  PacketSpec v6 = v6_spec();
  v6.traffic_class = 0xfe;
  v6.flow_label = 0xfffff;
  const Packet packet6 = build_packet(v6);
  CHECK(ip_version(packet6) == 6);
  CHECK(inner_source(packet6).to_string() == "fd00::1");
  CHECK(inner_destination(packet6).to_string() == "fd00::2");
  CHECK(inner_ecn(packet6) == 2);
  CHECK(ip_version({}) == 0);
}

TEST_CASE("ip: congestion marks reach capable packets only, with a right checksum") {
  for (const bool v6 : {false, true}) {
    for (unsigned traffic_class = 0; traffic_class < 256; ++traffic_class) {
      PacketSpec spec = v6 ? v6_spec() : PacketSpec{};
      spec.traffic_class = static_cast<std::uint8_t>(traffic_class);
      spec.id = static_cast<std::uint16_t>(traffic_class * 251);
      Packet packet = build_packet(spec);
      if ((traffic_class & 3) != 0) spec.traffic_class |= 3;
      mark_congestion(packet);
      CHECK(packet == build_packet(spec));
    }
  }
}

TEST_CASE("ip: the mark does not repair a damaged header checksum") {
  PacketSpec spec;
  spec.traffic_class = 2;
  Packet packet = build_packet(spec);
  packet[10] ^= 0x40;
  mark_congestion(packet);
  CHECK(inner_ecn(packet) == 3);
  CHECK_FALSE(checksum_is_valid(checksum_header(packet.data(), 20)));
}

TEST_CASE("ip: padding to 16, not past the MTU") {
  struct Row {
    std::uint32_t length, mtu, padded;
  };
  const std::vector<Row> rows{
      {0, 1420, 0},       {1, 1420, 16},      {16, 1420, 16},     {17, 1420, 32},
      {1408, 1420, 1408}, {1409, 1420, 1420}, {1420, 1420, 1420}, {1419, 1420, 1420},
      {1, 0, 16},         {1420, 0, 1424},    {0, 0, 0},          {1500, 1420, 1500},
      {1501, 1420, 1516}, {2840, 1420, 2840}, {65535, 1, 65535},  {100, 1, 100},
  };
  for (const Row& row : rows) {
    CAPTURE(row.length);
    CAPTURE(row.mtu);
    CHECK(padded_length(row.length, row.mtu) == row.padded);
  }
  for (std::uint32_t mtu = 0; mtu < 200; ++mtu) {
    for (std::uint32_t length = 0; length < 700; ++length) {
      const std::uint32_t padded = padded_length(length, mtu);
      if (padded < length || padded - length > 15) FAIL("length ", length, " mtu ", mtu);
    }
  }
}

TEST_CASE("ip: parse_inner() finds the transport behind extension headers") {
  PacketSpec spec = v6_spec();
  spec.payload = payload_bytes(100);
  // Hop-by-hop (8 bytes), routing (24), fragment with offset 0, authentication (12 + 12), options.
  Packet chain{43, 0, 0, 0, 0, 0, 0, 0};
  Packet routing(24, 0);
  routing[0] = 44;
  routing[1] = 2;
  Packet fragment{51, 0, 0x00, 0x01, 0, 0, 0, 9};
  Packet authentication(24, 0);
  authentication[0] = 60;
  authentication[1] = 4;
  Packet options{6, 0, 0, 0, 0, 0, 0, 0};
  for (const Packet& next : {routing, fragment, authentication, options}) test::put(chain, next);
  spec.extensions = chain;
  spec.next_header = 0;
  const Packet packet = build_packet(spec);
  const auto inner = parse_inner(packet);
  REQUIRE(inner.has_value());
  CHECK(inner->protocol == 6);
  CHECK(inner->transport_offset == 40 + chain.size());
  CHECK(inner->header_length == 40);
  CHECK(inner->total_length == packet.size());
  CHECK(inner->is_fragment);
  CHECK_FALSE(inner->is_later_fragment);

  // Cut anywhere inside the chain, with an honest payload length, it is refused.
  for (std::size_t length = 40; length < 40 + chain.size(); ++length) {
    Packet cut(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(length));
    test::set16(cut, 4, static_cast<std::uint32_t>(length - 40));
    CAPTURE(length);
    CHECK_FALSE(parse_inner(cut).has_value());
  }
}

TEST_CASE("ip: parse_inner() tells fragments") {
  PacketSpec spec;
  spec.fragment = 0x2000;
  CHECK(parse_inner(build_packet(spec))->is_fragment);
  CHECK_FALSE(parse_inner(build_packet(spec))->is_later_fragment);
  spec.fragment = 0x0001;
  CHECK(parse_inner(build_packet(spec))->is_later_fragment);
  spec.fragment = 0x4000;
  CHECK_FALSE(parse_inner(build_packet(spec))->is_fragment);

  PacketSpec v6 = v6_spec();
  v6.next_header = 44;
  v6.extensions = {0, 0, 0x00, 0x08, 0, 0, 0, 9};  // the next header must not be walked into
  const auto inner = parse_inner(build_packet(v6));
  REQUIRE(inner.has_value());
  CHECK(inner->is_later_fragment);
  CHECK(inner->transport_offset == 48);
}

TEST_CASE("ip: parse_inner() of IPv4 options") {
  PacketSpec spec;
  spec.ip_options = {1, 1, 1, 0};
  spec.protocol = 17;
  const auto inner = parse_inner(build_packet(spec));
  REQUIRE(inner.has_value());
  CHECK(inner->header_length == 24);
  CHECK(inner->transport_offset == 24);
  CHECK(inner->protocol == 17);
}

}  // namespace
}  // namespace xm
