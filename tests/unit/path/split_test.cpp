#include "agent/path/split.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

#include "agent/wire/ip.hpp"
#include "tests/support/packet_builder.hpp"

namespace xm {
namespace {

using test::build_packet;
using test::Packet;
using test::PacketSpec;
using test::payload_bytes;

PacketSpec spec_of(bool v6, std::uint8_t protocol, std::size_t payload) {
  PacketSpec spec;
  if (v6) {
    spec.source = "fd00::1";
    spec.destination = "fd00::2";
  }
  spec.protocol = protocol;
  spec.payload = payload_bytes(payload);
  return spec;
}

std::uint16_t ip_header_of(const PacketSpec& spec) {
  const bool v6 = spec.source.find(':') != std::string::npos;
  return static_cast<std::uint16_t>(v6 ? 40 + spec.extensions.size() : 20 + spec.ip_options.size());
}

VnetHeader vnet_of(const PacketSpec& spec, std::uint16_t segment_payload) {
  const bool v6 = spec.source.find(':') != std::string::npos;
  VnetHeader vnet;
  vnet.flags = kVnetNeedsChecksum;
  vnet.gso_type = spec.protocol == 17 ? kVnetGsoUdp : (v6 ? kVnetGsoTcp6 : kVnetGsoTcp4);
  vnet.segment_payload = segment_payload;
  vnet.checksum_start = ip_header_of(spec);
  vnet.checksum_offset = spec.protocol == 17 ? 6 : 16;
  return vnet;
}

std::vector<Packet> split(const VnetHeader& vnet, const Packet& packet) {
  SplitPlan plan;
  if (!split_plan(vnet, packet, plan)) return {};
  std::vector<Packet> segments;
  for (std::size_t i = 0; i < plan.segment_count; ++i) {
    Packet out(plan.segment_length(i) + 4, 0x5a);
    CHECK(write_segment(plan, packet, i, out.data()) == plan.segment_length(i));
    CHECK(load_be32(out.data() + plan.segment_length(i)) == 0x5a5a5a5a);
    out.resize(plan.segment_length(i));
    segments.push_back(out);
  }
  return segments;
}

// Each segment built from scratch: what the sender would have sent without offloads.
std::vector<Packet> naive_split(const PacketSpec& super, std::size_t segment_payload) {
  std::vector<Packet> segments;
  std::size_t at = 0;
  do {
    PacketSpec spec = super;
    const std::size_t end = std::min(at + segment_payload, super.payload.size());
    spec.payload.assign(super.payload.begin() + static_cast<std::ptrdiff_t>(at),
                        super.payload.begin() + static_cast<std::ptrdiff_t>(end));
    spec.id = static_cast<std::uint16_t>(super.id + segments.size());
    spec.sequence = super.sequence + static_cast<std::uint32_t>(at);
    if (end != super.payload.size()) spec.tcp_flags &= 0xf6;
    if (at != 0) spec.tcp_flags &= 0x7f;
    segments.push_back(build_packet(spec));
    at = end;
  } while (at < super.payload.size());
  return segments;
}

TEST_CASE("split: every segment is as if built alone") {
  struct Size {
    std::size_t payload;
    std::uint16_t segment;
  };
  const std::vector<Size> sizes{{1, 1},        {0, 100},      {99, 100},     {100, 100},
                                {101, 100},    {1000, 100},   {1001, 1},     {4096, 536},
                                {61612, 1368}, {65000, 1368}, {65000, 65535}};
  for (const bool v6 : {false, true}) {
    for (const std::uint8_t protocol : {std::uint8_t{6}, std::uint8_t{17}}) {
      for (const Size& size : sizes) {
        for (const std::size_t options : {0U, 12U, 40U}) {
          PacketSpec spec = spec_of(v6, protocol, size.payload);
          spec.tcp_options = payload_bytes(options);
          spec.sequence = 0xfffffff0;
          spec.id = 0xfffe;
          spec.traffic_class = 2;
          spec.flow_label = 0x12345;
          CAPTURE(v6);
          CAPTURE(int{protocol});
          CAPTURE(size.payload);
          CAPTURE(size.segment);
          const auto segments = split(vnet_of(spec, size.segment), build_packet(spec));
          CHECK(segments == naive_split(spec, size.segment));
        }
      }
    }
  }
}

TEST_CASE("split: all 256 TCP flags, each where it belongs") {
  for (unsigned flags = 0; flags < 256; ++flags) {
    for (const std::size_t payload : {100U, 250U}) {
      PacketSpec spec = spec_of(false, 6, payload);
      spec.tcp_flags = static_cast<std::uint8_t>(flags);
      VnetHeader vnet = vnet_of(spec, 100);
      if ((flags & 0x80) != 0) vnet.gso_type |= kVnetGsoEcn;
      CAPTURE(flags);
      CHECK(split(vnet, build_packet(spec)) == naive_split(spec, 100));
    }
  }
}

TEST_CASE("split: IPv4 options and IPv6 extension headers are repeated") {
  PacketSpec v4 = spec_of(false, 6, 300);
  v4.ip_options = {7, 7, 4, 1, 2, 3, 4, 0};
  CHECK(split(vnet_of(v4, 100), build_packet(v4)) == naive_split(v4, 100));
  PacketSpec v6 = spec_of(true, 17, 300);
  v6.next_header = 60;
  v6.extensions = {17, 0, 1, 4, 0, 0, 0, 0};
  CHECK(split(vnet_of(v6, 100), build_packet(v6)) == naive_split(v6, 100));
}

TEST_CASE("split: neither the header length nor a missing checksum flag is believed") {
  const PacketSpec spec = spec_of(false, 6, 300);
  for (const unsigned header_length : {0U, 1U, 40U, 65535U}) {
    VnetHeader vnet = vnet_of(spec, 100);
    vnet.header_length = static_cast<std::uint16_t>(header_length);
    CHECK(split(vnet, build_packet(spec)) == naive_split(spec, 100));
  }
  VnetHeader vnet = vnet_of(spec, 100);
  vnet.flags = 0;
  vnet.checksum_start = vnet.checksum_offset = 0;
  CHECK(split(vnet, build_packet(spec)) == naive_split(spec, 100));
}

TEST_CASE("split: UDP never sends a checksum of zero") {
  // Two bytes of payload chosen so that the checksum of the only segment would be zero.
  PacketSpec spec = spec_of(false, 17, 4);
  spec.payload = {0, 0, 0, 0};
  Packet packet = build_packet(spec);
  const std::uint16_t checksum = load_be16(packet.data() + 26);
  spec.payload = {static_cast<std::uint8_t>(checksum >> 8), static_cast<std::uint8_t>(checksum), 0,
                  0};
  packet = build_packet(spec);
  REQUIRE(load_be16(packet.data() + 26) == 0xffff);
  const auto segments = split(vnet_of(spec, 100), packet);
  REQUIRE(segments.size() == 1);
  CHECK(segments[0] == packet);
}

TEST_CASE("split: a packet without GSO passes; its checksum is completed when asked") {
  for (const bool v6 : {false, true}) {
    for (const std::uint8_t protocol : {std::uint8_t{6}, std::uint8_t{17}}) {
      for (const std::size_t payload : {0U, 1U, 7U, 1380U}) {
        const PacketSpec spec = spec_of(v6, protocol, payload);
        const Packet complete = build_packet(spec);
        CHECK(split(VnetHeader{}, complete) == std::vector<Packet>{complete});

        VnetHeader vnet = vnet_of(spec, 0);
        vnet.gso_type = kVnetGsoNone;
        Packet partial = complete;
        const std::size_t transport = complete.size() - vnet.checksum_start;
        test::set16(partial, vnet.checksum_start + std::size_t{vnet.checksum_offset},
                    test::naive_sum(test::pseudo_header_of(spec, transport)));
        CHECK(split(vnet, partial) == std::vector<Packet>{complete});
      }
    }
  }
}

TEST_CASE("split: bytes past the IP length stay behind") {
  for (const std::uint8_t gso : {kVnetGsoNone, kVnetGsoTcp4}) {
    const PacketSpec spec = spec_of(false, 6, 300);
    VnetHeader vnet = vnet_of(spec, 100);
    vnet.gso_type = gso;
    if (gso == kVnetGsoNone) vnet.flags = 0;
    Packet packet = build_packet(spec);
    const auto expected = split(vnet, packet);
    packet.resize(packet.size() + 5, 0xaa);
    CHECK(split(vnet, packet) == expected);
  }
}

TEST_CASE("split: headers that lie are refused") {
  using Change = std::function<void(VnetHeader&, Packet&)>;
  struct Row {
    const char* why;
    bool v6;
    std::uint8_t protocol;
    Change change;
  };
  const std::vector<Row> rows{
      {"no segment size", false, 6, [](auto& v, auto&) { v.segment_payload = 0; }},
      {"fragments of UDP (UFO)", false, 17, [](auto& v, auto&) { v.gso_type = 3; }},
      {"unknown kind", false, 6, [](auto& v, auto&) { v.gso_type = 2; }},
      {"ECN alone", false, 6, [](auto& v, auto&) { v.gso_type = kVnetGsoEcn; }},
      {"ECN on UDP", false, 17, [](auto& v, auto&) { v.gso_type |= kVnetGsoEcn; }},
      {"TCPv6 kind on IPv4", false, 6, [](auto& v, auto&) { v.gso_type = kVnetGsoTcp6; }},
      {"TCPv4 kind on IPv6", true, 6, [](auto& v, auto&) { v.gso_type = kVnetGsoTcp4; }},
      {"TCP kind on UDP", false, 17, [](auto& v, auto&) { v.gso_type = kVnetGsoTcp4; }},
      {"UDP kind on TCP", true, 6, [](auto& v, auto&) { v.gso_type = kVnetGsoUdp; }},
      {"checksum starts elsewhere", false, 6, [](auto& v, auto&) { v.checksum_start = 24; }},
      {"checksum lies elsewhere", false, 6, [](auto& v, auto&) { v.checksum_offset = 6; }},
      {"UDP checksum lies elsewhere", true, 17, [](auto& v, auto&) { v.checksum_offset = 16; }},
      {"data offset below 5", false, 6, [](auto&, auto& p) { p[32] = 0x40; }},
      {"data offset past the end", false, 6,
       [](auto&, auto& p) {
         p.resize(50);
         test::set16(p, 2, 50);
         p[32] = 0xf0;
       }},
      {"no room for TCP", false, 6,
       [](auto&, auto& p) {
         p.resize(39);
         test::set16(p, 2, 39);
       }},
      {"no room for UDP", true, 17,
       [](auto&, auto& p) {
         p.resize(47);
         test::set16(p, 4, 7);
       }},
      {"IPv4 length past the end", false, 6, [](auto&, auto& p) { p.pop_back(); }},
      {"IPv6 length past the end", true, 17, [](auto&, auto& p) { p.pop_back(); }},
      {"a fragment", false, 17, [](auto&, auto& p) { p[6] = 0x20; }},
      {"not IP", false, 6, [](auto&, auto& p) { p[0] = 0x15; }},
      {"nothing", false, 6, [](auto&, auto& p) { p.clear(); }},
      {"extension header past the end", true, 6,
       [](auto&, auto& p) {
         p[6] = 60;
         p[41] = 255;
       }},
      {"whole: checksum starts in the IP header", false, 6,
       [](auto& v, auto&) {
         v.gso_type = kVnetGsoNone;
         v.checksum_start = 19;
       }},
      {"whole: checksum field past the end", false, 6,
       [](auto& v, auto& p) {
         v.gso_type = kVnetGsoNone;
         v.checksum_offset = static_cast<std::uint16_t>(p.size() - 21);
       }},
      {"whole: both offsets huge", false, 6,
       [](auto& v, auto&) {
         v.gso_type = kVnetGsoNone;
         v.checksum_start = v.checksum_offset = 65535;
       }},
      {"whole: not IP", false, 6,
       [](auto& v, auto& p) {
         v = VnetHeader{};
         p[0] = 0;
       }},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    const PacketSpec spec = spec_of(row.v6, row.protocol, 300);
    VnetHeader vnet = vnet_of(spec, 100);
    Packet packet = build_packet(spec);
    SplitPlan plan;
    CHECK(split_plan(vnet, packet, plan));
    row.change(vnet, packet);
    CHECK_FALSE(split_plan(vnet, packet, plan));
  }
}

}  // namespace
}  // namespace xm
