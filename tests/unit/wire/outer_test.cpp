#include "agent/wire/outer.hpp"

#include <doctest/doctest.h>

#include <functional>

#include "tests/support/outer_frames.hpp"

using namespace xm;
using namespace xm::test;

namespace {

using Tags = std::vector<std::pair<std::uint16_t, std::uint16_t>>;

OuterVerdict verdict_of(const Packet& frame) {
  OuterDatagram datagram;
  return parse_outer(frame, datagram);
}

// An IPv4 packet changed at will and given a right header checksum again.
Packet ipv4_with(const std::function<void(Packet&)>& change) {
  Packet packet = build_packet(udp_spec());
  change(packet);
  set16(packet, 10, 0);
  set16(packet, 10,
        static_cast<std::uint16_t>(~naive_sum(Packet(packet.begin(), packet.begin() + 20))));
  return packet;
}
Packet ipv6_with(const std::function<void(Packet&)>& change) {
  Packet packet = build_packet(udp6_spec());
  change(packet);
  return packet;
}

OuterVerdict from_to(const std::string& source, const std::string& destination) {
  PacketSpec spec = udp_spec();
  spec.source = source;
  spec.destination = destination;
  return verdict_of(build_frame(build_packet(spec)));
}

}  // namespace

TEST_CASE("outer: a datagram is found behind up to two VLAN tags, in IPv4 and IPv6") {
  for (const Tags& tags : {Tags{}, Tags{{0x8100, 7}}, Tags{{0x88a8, 7}, {0x8100, 9}}}) {
    for (PacketSpec spec : {udp_spec(80), udp6_spec(80)}) {
      spec.traffic_class = 0xb9;  // DSCP EF, ECT(1)
      const Packet frame = build_frame(build_packet(spec), tags);
      OuterDatagram datagram;
      REQUIRE(parse_outer(frame, datagram) == OuterVerdict::datagram);
      CHECK(datagram.source == IpAddress::parse(spec.source).value());
      CHECK(datagram.destination == IpAddress::parse(spec.destination).value());
      CHECK(datagram.source_port == 40000);
      CHECK(datagram.destination_port == 51820);
      CHECK(datagram.ecn == 1);
      CHECK(datagram.is_tagged == !tags.empty());
      CHECK(datagram.payload_length == 80);
      CHECK(Packet(frame.begin() + datagram.payload_offset, frame.end()) == spec.payload);
    }
  }
}

TEST_CASE("outer: what the Ethernet pads is no payload, and an empty datagram is one") {
  Packet frame = build_frame(build_packet(udp_spec(0)));
  frame.resize(60);
  OuterDatagram datagram;
  REQUIRE(parse_outer(frame, datagram) == OuterVerdict::datagram);
  CHECK(datagram.payload_length == 0);
}

TEST_CASE("outer: the UDP checksum may be anything") {
  Packet packet = build_packet(udp_spec());
  set16(packet, 26, 0x1234);
  CHECK(verdict_of(build_frame(packet)) == OuterVerdict::datagram);
}

TEST_CASE("outer: a frame that is cut anywhere is malformed") {
  for (const PacketSpec& spec : {udp_spec(), udp6_spec()}) {
    const Packet frame = build_frame(build_packet(spec), {{0x8100, 7}});
    for (std::size_t length = 0; length < frame.size(); ++length) {
      CAPTURE(length);
      CHECK(verdict_of(Packet(frame.begin(), frame.begin() + static_cast<long>(length))) ==
            OuterVerdict::malformed);
    }
  }
}

TEST_CASE("outer: any changed bit of an IPv4 header is noticed before anything else of it") {
  const Packet packet = build_packet(udp_spec());
  for (std::size_t bit = 8; bit < 20 * 8; ++bit) {
    CAPTURE(bit);
    Packet damaged = packet;
    damaged[bit / 8] = static_cast<std::uint8_t>(damaged[bit / 8] ^ (1U << (bit % 8)));
    CHECK(verdict_of(build_frame(damaged)) == OuterVerdict::checksum);
  }
}

TEST_CASE("outer: what is no whole UDP datagram without options is malformed") {
  struct Row {
    const char* why;
    Packet packet;
  };
  const auto set = [](std::size_t at, std::uint8_t value) {
    return [=](Packet& packet) { packet[at] = value; };
  };
  PacketSpec with_options = udp_spec();
  with_options.ip_options = {1, 1, 1, 1};
  const Row rows[] = {
      {"IPv4: version 5", ipv4_with(set(0, 0x55))},
      {"IPv4: header of 16 bytes", ipv4_with(set(0, 0x44))},
      {"IPv4: options", build_packet(with_options)},
      {"IPv4: more fragments", ipv4_with(set(6, 0x20))},
      {"IPv4: a later fragment", ipv4_with(set(7, 1))},
      {"IPv4: TCP", ipv4_with(set(9, 6))},
      {"IPv4: longer than the frame", ipv4_with(set(3, 61))},
      {"IPv4: shorter than its header", ipv4_with(set(3, 19))},
      {"IPv4: no room for a UDP header", ipv4_with(set(3, 27))},
      {"IPv4: UDP length too long", ipv4_with(set(25, 41))},
      {"IPv4: UDP length too short", ipv4_with(set(25, 39))},
      {"IPv4: UDP length below its header", ipv4_with(set(25, 7))},
      {"IPv6: version 4", ipv6_with(set(0, 0x40))},
      {"IPv6: hop-by-hop options", ipv6_with(set(6, 0))},
      {"IPv6: a fragment", ipv6_with(set(6, 44))},
      {"IPv6: longer than the frame", ipv6_with(set(5, 41))},
      {"IPv6: no room for a UDP header", ipv6_with(set(5, 7))},
      {"IPv6: UDP length too long", ipv6_with(set(45, 41))},
      {"IPv6: UDP length too short", ipv6_with(set(45, 39))},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    CHECK(verdict_of(build_frame(row.packet)) == OuterVerdict::malformed);
  }
  Packet arp = build_frame(build_packet(udp_spec()));
  set16(arp, 12, 0x0806);
  CHECK(verdict_of(arp) == OuterVerdict::malformed);
  const Packet packet = build_packet(udp_spec());
  CHECK(verdict_of(build_frame(packet, {{0x8100, 1}, {0x8100, 2}, {0x8100, 3}})) ==
        OuterVerdict::malformed);
  CHECK(verdict_of(build_frame(packet, {{0x9100, 1}})) == OuterVerdict::malformed);
}

TEST_CASE("outer: an address that no packet from a network may have makes a martian") {
  const char* const host = "192.0.2.2";
  for (const char* const address : {"0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.255",
                                    "224.0.0.1", "239.255.255.255", "255.255.255.255"}) {
    CAPTURE(address);
    CHECK(from_to(address, host) == OuterVerdict::martian);
    CHECK(from_to(host, address) == OuterVerdict::martian);
  }
  const char* const host6 = "2001:db8::2";
  for (const char* const address :
       {"::", "::1", "::ffff:192.0.2.1", "ff02::1", "ff0e::1", "ffff::1"}) {
    CAPTURE(address);
    CHECK(from_to(address, host6) == OuterVerdict::martian);
    CHECK(from_to(host6, address) == OuterVerdict::martian);
  }
  CHECK(from_to(host, host) == OuterVerdict::martian);
  CHECK(from_to(host6, host6) == OuterVerdict::martian);
}

TEST_CASE("outer: addresses next to the forbidden ones are ordinary") {
  for (const char* const address : {"1.0.0.0", "126.255.255.255", "128.0.0.0", "223.255.255.255",
                                    "240.0.0.1", "255.255.255.254", "10.0.0.255"}) {
    CAPTURE(address);
    CHECK(from_to(address, "192.0.2.2") == OuterVerdict::datagram);
  }
  for (const char* const address :
       {"::2", "::1:0", "::fffe:192.0.2.1", "1::ffff:0:1", "fe80::1", "fd00::1", "100::1"}) {
    CAPTURE(address);
    CHECK(from_to(address, "2001:db8::2") == OuterVerdict::datagram);
  }
}
