#include "agent/wire/icmp.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <vector>

#include "agent/wire/checksum.hpp"
#include "agent/wire/ip.hpp"
#include "tests/support/packet_builder.hpp"

namespace xm {
namespace {

using test::build_packet;
using test::Packet;
using test::PacketSpec;
using test::payload_bytes;

Packet reply_to(const Packet& packet) {
  std::array<std::uint8_t, kIcmpMaximumSize> out;
  out.fill(0xee);
  const std::size_t length = build_unreachable(packet, out);
  return {out.begin(), out.begin() + static_cast<std::ptrdiff_t>(length)};
}

PacketSpec v6_spec() {
  PacketSpec spec;
  spec.source = "fd00::1";
  spec.destination = "fd00::2";
  return spec;
}

TEST_CASE("icmp: host unreachable, IPv4") {
  for (const std::size_t payload : {0U, 1U, 100U, 508U, 509U, 1380U, 60000U}) {
    PacketSpec spec;
    spec.payload = payload_bytes(payload);
    const Packet packet = build_packet(spec);
    const Packet reply = reply_to(packet);
    const std::size_t quoted = std::min<std::size_t>(packet.size(), 576 - 28);
    REQUIRE(reply.size() == 28 + quoted);
    CHECK(inner_length(reply) == reply.size());
    CHECK(checksum_is_valid(checksum_header(reply.data(), 20)));
    CHECK(inner_source(reply) == inner_destination(packet));
    CHECK(inner_destination(reply) == inner_source(packet));
    CHECK(reply[ipv4::kProtocol] == 1);
    CHECK(reply[20] == 3);
    CHECK(reply[21] == 1);
    CHECK(checksum_is_valid(checksum_sum(Bytes(reply).subspan(20))));
    CHECK(std::equal(reply.begin() + 28, reply.end(), packet.begin()));
  }
}

TEST_CASE("icmp: address unreachable, IPv6") {
  for (const std::size_t payload : {0U, 1U, 1172U, 1173U, 60000U}) {
    PacketSpec spec = v6_spec();
    spec.payload = payload_bytes(payload);
    const Packet packet = build_packet(spec);
    const Packet reply = reply_to(packet);
    const std::size_t quoted = std::min<std::size_t>(packet.size(), 1280 - 48);
    REQUIRE(reply.size() == 48 + quoted);
    CHECK(inner_length(reply) == reply.size());
    CHECK(inner_source(reply) == inner_destination(packet));
    CHECK(inner_destination(reply) == inner_source(packet));
    CHECK(reply[ipv6::kNextHeader] == 58);
    CHECK(reply[40] == 1);
    CHECK(reply[41] == 3);
    const auto length = static_cast<std::uint16_t>(reply.size() - 40);
    CHECK(checksum_is_valid(pseudo_header_v6(reply.data(), 58, length) +
                            checksum_sum(Bytes(reply).subspan(40))));
    CHECK(std::equal(reply.begin() + 48, reply.end(), packet.begin()));
  }
}

TEST_CASE("icmp: bytes past the inner length are not quoted") {
  PacketSpec spec;
  Packet packet = build_packet(spec);
  const std::size_t length = packet.size();
  packet.resize(length + 9, 0xaa);
  CHECK(reply_to(packet).size() == 28 + length);
}

TEST_CASE("icmp: when no reply is allowed") {
  struct Row {
    const char* why;
    PacketSpec spec;
    bool replies;
  };
  const auto v4 = [](auto change) {
    PacketSpec spec;
    change(spec);
    return spec;
  };
  const auto v6 = [](auto change) {
    PacketSpec spec = v6_spec();
    change(spec);
    return spec;
  };
  const auto icmp = [&](std::uint8_t type) {
    return v4([&](PacketSpec& spec) {
      spec.protocol = 1;
      spec.payload = {type, 0, 0, 0, 0, 0, 0, 0};
    });
  };
  const auto icmp6 = [&](std::uint8_t type) {
    return v6([&](PacketSpec& spec) {
      spec.protocol = 58;
      spec.payload = {type, 0, 0, 0, 0, 0, 0, 0};
    });
  };
  const std::vector<Row> rows{
      {"echo request", icmp(8), true},
      {"echo reply", icmp(0), true},
      {"unreachable", icmp(3), false},
      {"source quench", icmp(4), false},
      {"redirect", icmp(5), false},
      {"time exceeded", icmp(11), false},
      {"parameter problem", icmp(12), false},
      {"ICMP without a type", v4([](auto& s) { s.protocol = 1; }), false},
      {"first fragment", v4([](auto& s) { s.fragment = 0x2000; }), true},
      {"later fragment", v4([](auto& s) { s.fragment = 0x2001; }), false},
      {"to multicast", v4([](auto& s) { s.destination = "224.0.0.1"; }), false},
      {"to broadcast", v4([](auto& s) { s.destination = "255.255.255.255"; }), false},
      {"from unspecified", v4([](auto& s) { s.source = "0.0.0.0"; }), false},
      {"from loopback", v4([](auto& s) { s.source = "127.0.0.1"; }), false},
      {"from multicast", v4([](auto& s) { s.source = "239.1.2.3"; }), false},
      {"from broadcast", v4([](auto& s) { s.source = "255.255.255.255"; }), false},
      {"UDP", v4([](auto& s) { s.protocol = 17; }), true},
      {"v6 echo request", icmp6(128), true},
      {"v6 unreachable", icmp6(1), false},
      {"v6 packet too big", icmp6(2), false},
      {"v6 reserved error type", icmp6(127), false},
      {"v6 redirect", icmp6(137), false},
      {"v6 ICMP without a type", v6([](auto& s) { s.protocol = 58; }), false},
      {"v6 to multicast", v6([](auto& s) { s.destination = "ff02::1"; }), false},
      {"v6 from unspecified", v6([](auto& s) { s.source = "::"; }), false},
      {"v6 from multicast", v6([](auto& s) { s.source = "ff02::1"; }), false},
      {"v6 error behind options", v6([](auto& s) {
         s.protocol = 58;
         s.next_header = 60;
         s.extensions = {58, 0, 0, 0, 0, 0, 0, 0};
         s.payload = {1, 3, 0, 0, 0, 0, 0, 0};
       }),
       false},
      {"v6 later fragment", v6([](auto& s) {
         s.next_header = 44;
         s.extensions = {17, 0, 0, 8, 0, 0, 0, 1};
       }),
       false},
      {"v6 broken extension header", v6([](auto& s) {
         s.protocol = 58;
         s.next_header = 60;
         s.extensions = {58, 255, 0, 0, 0, 0, 0, 0};
       }),
       false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    CHECK(!reply_to(build_packet(row.spec)).empty() == row.replies);
  }
  CHECK(reply_to({}).empty());
  CHECK(reply_to(Packet(20, 0)).empty());
}

TEST_CASE("icmp: too little room gives no reply") {
  std::vector<std::uint8_t> out(kIcmpMaximumSize - 1);
  CHECK(build_unreachable(build_packet({}), out) == 0);
}

}  // namespace
}  // namespace xm
