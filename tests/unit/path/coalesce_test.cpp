#include "agent/path/coalesce.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/packet_builder.hpp"

namespace xm {
namespace {

using test::build_packet;
using test::Packet;
using test::PacketSpec;
using test::payload_bytes;

constexpr CoalesceKinds kAll{.tcp4 = true, .tcp6 = true, .udp4 = true, .udp6 = true};

enum class Flow { tcp4, tcp6, udp4, udp6 };
constexpr Flow kFlows[] = {Flow::tcp4, Flow::tcp6, Flow::udp4, Flow::udp6};

// `count` packets of one flow, one after the other.
std::vector<PacketSpec> stream(Flow flow, std::size_t count, std::size_t payload = 100) {
  std::vector<PacketSpec> specs(count);
  for (std::size_t i = 0; i < count; ++i) {
    PacketSpec& spec = specs[i];
    if (flow == Flow::tcp6 || flow == Flow::udp6) {
      spec.source = "fd00::1";
      spec.destination = "fd00::2";
    }
    spec.protocol = flow == Flow::udp4 || flow == Flow::udp6 ? 17 : 6;
    spec.payload = payload_bytes(payload, static_cast<std::uint32_t>(i));
    spec.id = static_cast<std::uint16_t>(0xfffe + i);
    spec.sequence = 0xffffff00U + static_cast<std::uint32_t>(i * payload);
    spec.tcp_options = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2};
  }
  return specs;
}

std::vector<Packet> build(const std::vector<PacketSpec>& specs) {
  std::vector<Packet> packets;
  for (const PacketSpec& spec : specs) packets.push_back(build_packet(spec));
  return packets;
}

// How `packets` come out: their numbers in order, super-packets apart by a space: "012 3".
// Also checks what holds of every result.
std::string grouping(std::vector<Packet> packets, CoalesceKinds kinds = kAll) {
  const std::vector<Packet> before = packets;
  auto coalescer = std::make_unique<Coalescer>(kinds);
  for (Packet& packet : packets) CHECK(coalescer->add(packet));
  coalescer->finish();
  std::string groups;
  for (std::size_t i = 0; i < coalescer->size(); ++i) {
    const auto pieces = coalescer->super_packet(i);
    REQUIRE(pieces.size() >= 2);
    REQUIRE(pieces[0].iov_len == kVnetHeaderSize);
    VnetHeader vnet;
    std::memcpy(&vnet, pieces[0].iov_base, sizeof vnet);
    if (i != 0) groups += ' ';
    for (std::size_t piece = 1; piece < pieces.size(); ++piece) {
      const auto* at = static_cast<const std::uint8_t*>(pieces[piece].iov_base);
      for (std::size_t n = 0; n < packets.size(); ++n) {
        const Packet& packet = packets[n];
        const bool inside = packet.empty()
                                ? pieces[piece].iov_len == 0
                                : at >= packet.data() && at < packet.data() + packet.size();
        if (!inside) continue;
        CHECK(at + pieces[piece].iov_len == packet.data() + packet.size());
        groups += static_cast<char>('0' + n);
        if (pieces.size() == 2) CHECK(packet == before[n]);
        break;
      }
    }
    if (pieces.size() == 2) {
      const VnetHeader zeroed;
      CHECK(std::memcmp(&vnet, &zeroed, sizeof vnet) == 0);
    } else {
      CHECK(vnet.flags == kVnetNeedsChecksum);
    }
  }
  return groups;
}

TEST_CASE("coalesce: packets of one flow become one super-packet") {
  for (const Flow flow : kFlows) CHECK(grouping(build(stream(flow, 9))) == "012345678");
  CHECK(grouping({}) == "");
}

TEST_CASE("coalesce: the header of a super-packet") {
  for (const Flow flow : kFlows) {
    const bool tcp = flow == Flow::tcp4 || flow == Flow::tcp6;
    const bool v6 = flow == Flow::tcp6 || flow == Flow::udp6;
    auto specs = stream(flow, 3);
    specs[2].payload.resize(60);
    specs[2].tcp_flags |= 0x09;
    auto packets = build(specs);
    // What one large packet of the same flow would be.
    PacketSpec whole = specs[0];
    for (std::size_t i = 1; i < 3; ++i) test::put(whole.payload, specs[i].payload);
    whole.tcp_flags = specs[2].tcp_flags;
    Packet expected = build_packet(whole);
    const std::size_t ip = v6 ? 40 : 20;
    const std::size_t field = ip + (tcp ? 16 : 6);
    test::set16(expected, field,
                test::naive_sum(test::pseudo_header_of(whole, expected.size() - ip)));

    auto coalescer = std::make_unique<Coalescer>(kAll);
    for (Packet& packet : packets) REQUIRE(coalescer->add(packet));
    coalescer->finish();
    REQUIRE(coalescer->size() == 1);
    const auto pieces = coalescer->super_packet(0);
    VnetHeader vnet;
    std::memcpy(&vnet, pieces[0].iov_base, sizeof vnet);
    CHECK(vnet.flags == kVnetNeedsChecksum);
    CHECK(vnet.gso_type == (tcp ? (v6 ? kVnetGsoTcp6 : kVnetGsoTcp4) : kVnetGsoUdp));
    CHECK(vnet.header_length == ip + (tcp ? 32 : 8));
    CHECK(vnet.segment_payload == 100);
    CHECK(vnet.checksum_start == ip);
    CHECK(vnet.checksum_offset == (tcp ? 16 : 6));
    Packet written;
    for (const iovec& piece : pieces.subspan(1)) {
      const auto* at = static_cast<const std::uint8_t*>(piece.iov_base);
      written.insert(written.end(), at, at + piece.iov_len);
    }
    CHECK(written == expected);
  }
}

// One packet of four (number 1, unless `which` says otherwise) is changed.
struct Row {
  const char* why;
  std::function<void(PacketSpec&)> change;
  const char* expected;
  std::size_t which = 1;
};

void check_rows(const std::vector<Row>& rows, std::initializer_list<Flow> flows) {
  for (const Flow flow : flows) {
    for (const Row& row : rows) {
      auto specs = stream(flow, 4);
      row.change(specs[row.which]);
      CAPTURE(row.why);
      CAPTURE(static_cast<int>(flow));
      CHECK(grouping(build(specs)) == row.expected);
    }
  }
}

TEST_CASE("coalesce: conditions on any packet") {
  check_rows(
      {
          {"[3] no payload", [](auto& s) { s.payload.clear(); }, "0 1 23"},
          {"[6] hop limit", [](auto& s) { s.hop_limit = 63; }, "0 1 23"},
          {"[6] traffic class", [](auto& s) { s.traffic_class = 4; }, "0 1 23"},
          {"[6] ECN capable among not", [](auto& s) { s.traffic_class = 2; }, "0 1 23"},
          {"[6] congestion mark", [](auto& s) { s.traffic_class = 3; }, "0 1 23"},
          {"[9] shorter", [](auto& s) { s.payload.pop_back(); }, "01 23"},
          {"[9] longer", [](auto& s) { s.payload.push_back(0); }, "0 12 3"},
          {"[9] first is shorter", [](auto& s) { s.payload.pop_back(); }, "0 123", 0},
          {"[9] last is shorter", [](auto& s) { s.payload.resize(1); }, "0123", 3},
      },
      {Flow::udp6, Flow::udp4});
  check_rows(
      {
          {"[6] hop limit", [](auto& s) { s.hop_limit = 63; }, "0 1 23"},
          {"[6] traffic class", [](auto& s) { s.traffic_class = 4; }, "0 1 23"},
          {"[6] congestion mark", [](auto& s) { s.traffic_class = 3; }, "0 1 23"},
          {"[9] last is shorter", [](auto& s) { s.payload.resize(1); }, "0123", 3},
          // The others are now out of sequence.
          {"[3] no payload", [](auto& s) { s.payload.clear(); }, "0 1 23"},
          {"[9] shorter", [](auto& s) { s.payload.pop_back(); }, "01 23"},
          {"[9] longer", [](auto& s) { s.payload.push_back(0); }, "0 1 23"},
          {"[9] first is shorter", [](auto& s) { s.payload.pop_back(); }, "0 123", 0},
      },
      {Flow::tcp4, Flow::tcp6});
}

TEST_CASE("coalesce: conditions on IPv4") {
  check_rows(
      {
          {"[1] options",
           [](auto& s) {
             s.ip_options = {1, 1, 1, 0};
           },
           "0 1 23"},
          {"[1] first fragment", [](auto& s) { s.fragment = 0x2000; }, "0 1 23"},
          {"[1] later fragment", [](auto& s) { s.fragment = 0x0008; }, "0 1 23"},
          {"[1] reserved bit", [](auto& s) { s.fragment = 0xc000; }, "0 1 23"},
          {"[6] DF clear among set", [](auto& s) { s.fragment = 0; }, "0 1 23"},
          {"[7] id jumps", [](auto& s) { s.id = 77; }, "0 1 23"},
          {"[7] second id repeats the first", [](auto& s) { s.id = 0xfffe; }, "01 23"},
          {"[7] id runs backwards", [](auto& s) { s.id = 0xfffd; }, "0 1 23"},
          {"[7] later id repeats", [](auto& s) { s.id = 0xffff; }, "01 2 3", 2},
      },
      {Flow::tcp4, Flow::udp4});
}

TEST_CASE("coalesce: [7] equal ids join with DF only") {
  for (const bool df : {false, true}) {
    for (const Flow flow : {Flow::tcp4, Flow::udp4}) {
      auto specs = stream(flow, 4);
      for (PacketSpec& spec : specs) {
        spec.id = 0;
        spec.fragment = df ? 0x4000 : 0;
      }
      CHECK(grouping(build(specs)) == (df ? "0123" : "0 1 2 3"));
      specs[2].id = 1;
      CHECK(grouping(build(specs)) == (df ? "01 2 3" : "0 12 3"));
    }
  }
}

TEST_CASE("coalesce: [7] rising ids join without DF") {
  auto specs = stream(Flow::tcp4, 4);
  for (PacketSpec& spec : specs) spec.fragment = 0;
  CHECK(grouping(build(specs)) == "0123");
}

TEST_CASE("coalesce: [1] an IPv4 header checksum that is wrong") {
  for (const std::size_t which : {0U, 1U, 3U}) {
    auto packets = build(stream(Flow::tcp4, 4));
    packets[which][10] ^= 1;
    CHECK(grouping(packets) == (which == 0 ? "0 123" : which == 1 ? "0 1 23" : "012 3"));
  }
}

TEST_CASE("coalesce: conditions on IPv6") {
  const auto options = [](auto& s) {
    s.next_header = 60;
    s.extensions = {s.protocol, 0, 1, 4, 0, 0, 0, 0};
  };
  check_rows(
      {
          {"[1] extension header", options, "0 1 23"},
          {"[6] flow label", [](auto& s) { s.flow_label = 9; }, "0 1 23"},
      },
      {Flow::tcp6, Flow::udp6});
}

TEST_CASE("coalesce: conditions on TCP") {
  check_rows(
      {
          {"[4] SYN", [](auto& s) { s.tcp_flags |= 0x02; }, "0 1 23"},
          {"[4] RST", [](auto& s) { s.tcp_flags |= 0x04; }, "0 1 23"},
          {"[4] URG", [](auto& s) { s.tcp_flags |= 0x20; }, "0 1 23"},
          {"[4] first is SYN", [](auto& s) { s.tcp_flags = 0x02; }, "0 123", 0},
          {"[8] ECE", [](auto& s) { s.tcp_flags |= 0x40; }, "0 1 23"},
          {"[8] no ACK", [](auto& s) { s.tcp_flags = 0; }, "0 1 23"},
          {"[8] CWR starts the next", [](auto& s) { s.tcp_flags |= 0x80; }, "0 123"},
          {"[8] CWR on the first", [](auto& s) { s.tcp_flags |= 0x80; }, "0123", 0},
          {"[8] sequence skips", [](auto& s) { s.sequence += 1; }, "0 1 23"},
          {"[8] sequence repeats", [](auto& s) { s.sequence -= 100; }, "0 1 23"},
          {"[8] acknowledgement", [](auto& s) { s.acknowledgement += 1; }, "0 1 23"},
          {"[8] window", [](auto& s) { s.window += 1; }, "0 1 23"},
          {"[8] urgent pointer", [](auto& s) { s.urgent_pointer = 1; }, "0 1 23"},
          {"[8] options differ", [](auto& s) { s.tcp_options[7] = 9; }, "0 1 23"},
          {"[8] options shorter", [](auto& s) { s.tcp_options.resize(8); }, "0 1 23"},
          {"[8] options longer", [](auto& s) { s.tcp_options.resize(16); }, "0 1 23"},
          {"[10] PSH", [](auto& s) { s.tcp_flags |= 0x08; }, "01 23"},
          {"[10] FIN", [](auto& s) { s.tcp_flags |= 0x01; }, "01 23"},
          {"[10] PSH on the first", [](auto& s) { s.tcp_flags |= 0x08; }, "0 123", 0},
          {"[10] FIN on the last", [](auto& s) { s.tcp_flags |= 0x01; }, "0123", 3},
          {"pure FIN", [](auto& s) { s.payload.clear(), s.tcp_flags |= 1; }, "012 3", 3},
      },
      {Flow::tcp4, Flow::tcp6});
}

TEST_CASE("coalesce: [8] CWR on the first becomes the ECN bit") {
  auto specs = stream(Flow::tcp4, 2);
  specs[0].tcp_flags |= 0x80;
  auto packets = build(specs);
  auto coalescer = std::make_unique<Coalescer>(kAll);
  for (Packet& packet : packets) REQUIRE(coalescer->add(packet));
  coalescer->finish();
  VnetHeader vnet;
  std::memcpy(&vnet, coalescer->super_packet(0)[0].iov_base, sizeof vnet);
  CHECK(vnet.gso_type == (kVnetGsoTcp4 | kVnetGsoEcn));
}

TEST_CASE("coalesce: [2] TCP data offsets that lie") {
  for (const std::uint8_t offset : {std::uint8_t{0x00}, std::uint8_t{0x40}, std::uint8_t{0xf0}}) {
    auto specs = stream(Flow::tcp4, 4, 8);
    auto packets = build(specs);
    packets[1][20 + 12] = offset;
    CHECK(grouping(packets) == "0 1 23");
  }
}

TEST_CASE("coalesce: conditions on UDP") {
  check_rows({{"[4] no checksum", [](auto& s) { s.no_checksum = true; }, "0 1 23"}},
             {Flow::udp4, Flow::udp6});
  for (const unsigned length : {0U, 7U, 107U, 109U, 65535U}) {  // [2]
    auto packets = build(stream(Flow::udp4, 4));
    test::set16(packets[1], 24, length);
    CHECK(grouping(packets) == "0 1 23");
  }
}

TEST_CASE("coalesce: [12] a wrong checksum passes alone, wherever it stands") {
  for (const Flow flow : kFlows) {
    const char* expected[] = {"0 123", "0 1 23", "01 2 3", "012 3"};
    for (std::size_t which = 0; which < 4; ++which) {
      auto packets = build(stream(flow, 4));
      packets[which].back() ^= 0x10;
      CHECK(grouping(packets) == expected[which]);
    }
  }
}

TEST_CASE("coalesce: [5] only what the device takes") {
  for (unsigned mask = 0; mask < 16; ++mask) {
    const CoalesceKinds kinds{(mask & 1) != 0, (mask & 2) != 0, (mask & 4) != 0, (mask & 8) != 0};
    for (unsigned flow = 0; flow < 4; ++flow) {
      const bool taken = (mask & (1U << flow)) != 0;
      CHECK(grouping(build(stream(kFlows[flow], 3)), kinds) == (taken ? "012" : "0 1 2"));
    }
  }
}

TEST_CASE("coalesce: [11] no more than 65,535 bytes and 64 datagrams") {
  const auto sizes = [](std::vector<Packet> packets) {
    auto coalescer = std::make_unique<Coalescer>(kAll);
    for (Packet& packet : packets) REQUIRE(coalescer->add(packet));
    coalescer->finish();
    std::vector<std::size_t> counts;
    for (std::size_t i = 0; i < coalescer->size(); ++i) {
      counts.push_back(coalescer->super_packet(i).size() - 1);
    }
    return counts;
  };
  using Counts = std::vector<std::size_t>;
  // 20 + 32 + 13,096 a packet with options; 5 · 13,096 + 52 = 65,532 fits, and 13,097 does not.
  CHECK(sizes(build(stream(Flow::tcp4, 5, 13096))) == Counts{5});
  CHECK(sizes(build(stream(Flow::tcp4, 5, 13097))) == Counts{4, 1});
  CHECK(sizes(build(stream(Flow::tcp6, 5, 13092))) == Counts{5});
  CHECK(sizes(build(stream(Flow::tcp6, 5, 13093))) == Counts{4, 1});
  CHECK(sizes(build(stream(Flow::udp4, 65, 10))) == Counts{64, 1});
  CHECK(sizes(build(stream(Flow::udp6, 130, 10))) == Counts{64, 64, 2});
  CHECK(sizes(build(stream(Flow::tcp4, 512, 10))) == Counts{512});
}

TEST_CASE("coalesce: flows side by side; a super-packet leaves in its first packet's place") {
  std::vector<PacketSpec> specs;
  const auto a = stream(Flow::tcp4, 3);
  auto b = stream(Flow::tcp4, 3);
  for (PacketSpec& spec : b) spec.source_port = 1;
  const auto c = stream(Flow::udp6, 3);
  for (std::size_t i = 0; i < 3; ++i) {
    specs.push_back(a[i]);
    specs.push_back(b[i]);
    specs.push_back(c[i]);
  }
  CHECK(grouping(build(specs)) == "036 147 258");
}

TEST_CASE("coalesce: each part of the address makes another flow") {
  for (const Flow flow : kFlows) {
    const bool v6 = flow == Flow::tcp6 || flow == Flow::udp6;
    const std::vector<std::function<void(PacketSpec&)>> changes{
        [](auto& s) { s.source_port ^= 1; },
        [](auto& s) { s.destination_port ^= 0x100; },
        [&](auto& s) { s.source = v6 ? "fd00:0:0:1::1" : "10.0.1.1"; },
        [&](auto& s) { s.destination = v6 ? "fd00::1:2" : "11.0.0.2"; },
    };
    for (const auto& change : changes) {
      auto specs = stream(flow, 3);
      change(specs[1]);
      specs[2].id = specs[1].id;
      specs[2].sequence = specs[1].sequence;
      CHECK(grouping(build(specs)) == "02 1");
    }
  }
}

TEST_CASE("coalesce: what may belong to a flow neither passes nor is passed") {
  struct Other {
    const char* why;
    std::function<void(PacketSpec&)> change;
    const char* expected;
  };
  const std::vector<Other> others{
      {"ICMP between the two", [](auto& s) { s.protocol = 1; }, "0 1 2"},
      {"ICMP the other way",
       [](auto& s) {
         s.protocol = 1;
         std::swap(s.source, s.destination);
       },
       "02 1"},
      {"ICMP elsewhere",
       [](auto& s) {
         s.protocol = 1;
         s.source = "10.9.9.9";
       },
       "02 1"},
      {"a fragment of another flow, ports unseen",
       [](auto& s) {
         s.source_port = 1;
         s.fragment = 0x2000;
       },
       "0 1 2"},
      {"a later fragment", [](auto& s) { s.fragment = 0x0010; }, "0 1 2"},
      {"IPv4 options, another port",
       [](auto& s) {
         s.source_port = 1;
         s.ip_options = {1, 1, 1, 0};
       },
       "0 1 2"},
      {"another protocol",
       [](auto& s) {
         s.protocol = 99;
         s.payload.resize(10);
       },
       "0 1 2"},
      {"a SYN of another flow",
       [](auto& s) {
         s.source_port = 1;
         s.tcp_flags = 2;
       },
       "02 1"},
      {"an acknowledgement of this flow", [](auto& s) { s.payload.clear(); }, "0 1 2"},
      {"UDP between the same ports", [](auto& s) { s.protocol = 17; }, "02 1"},
  };
  for (const Other& other : others) {
    auto specs = stream(Flow::tcp4, 3);
    other.change(specs[1]);
    specs[2].id = static_cast<std::uint16_t>(specs[0].id + 1);
    specs[2].sequence = specs[0].sequence + 100;
    CAPTURE(other.why);
    CHECK(grouping(build(specs)) == other.expected);
  }
}

TEST_CASE("coalesce: [2] a TCP or UDP header cut short may be of any flow between the two") {
  for (const Flow flow : kFlows) {
    const bool v6 = flow == Flow::tcp6 || flow == Flow::udp6;
    for (const std::size_t left : {0U, 3U, 7U}) {
      auto specs = stream(flow, 3);
      specs[2].id = static_cast<std::uint16_t>(specs[0].id + 1);
      specs[2].sequence = specs[0].sequence + 100;
      auto packets = build(specs);
      PacketSpec cut = specs[1];
      cut.source_port = 1;
      packets[1] = build_packet(cut);
      packets[1].resize((v6 ? 40 : 20) + left);
      test::set16(packets[1], v6 ? 4 : 2, static_cast<std::uint32_t>(v6 ? left : 20 + left));
      CHECK(grouping(packets) == "0 1 2");
    }
  }
}

TEST_CASE("coalesce: what is no IP packet passes nothing and stays as it is") {
  auto specs = stream(Flow::tcp6, 3);
  specs[2].sequence = specs[0].sequence + 100;
  const auto good = build(specs);
  Packet padded = good[1];
  padded.push_back(0);
  Packet cut = good[1];
  cut.pop_back();
  for (const Packet& odd : {Packet{0x45}, Packet(100, 0), padded, cut, Packet(20, 0x45)}) {
    CHECK(grouping({good[0], odd, good[2]}) == "0 1 2");
  }
}

TEST_CASE("coalesce: more flows than places: the oldest is closed, order stays") {
  std::vector<Packet> packets;
  auto coalescer = std::make_unique<Coalescer>(kAll);
  for (std::size_t round = 0; round < 3; ++round) {
    for (std::uint16_t flow = 0; flow < 20; ++flow) {
      PacketSpec spec = stream(Flow::tcp4, 3)[round];
      spec.source_port = flow;
      packets.push_back(build_packet(spec));
    }
  }
  for (Packet& packet : packets) REQUIRE(coalescer->add(packet));
  coalescer->finish();
  CHECK(coalescer->size() == 60);  // round robin over 20 flows evicts each before its turn
}

TEST_CASE("coalesce: full at 512 packets, empty again after clear()") {
  auto packets = build(stream(Flow::udp4, 513, 10));
  auto coalescer = std::make_unique<Coalescer>(kAll);
  for (int round = 0; round < 3; ++round) {
    auto copies = packets;
    for (std::size_t i = 0; i < 512; ++i) REQUIRE(coalescer->add(copies[i]));
    CHECK_FALSE(coalescer->add(copies[512]));
    coalescer->finish();
    CHECK(coalescer->size() == 8);
    coalescer->clear();
    CHECK(coalescer->size() == 0);
  }
}

TEST_CASE("coalesce: clear() closes what was open") {
  auto packets = build(stream(Flow::tcp4, 2));
  auto coalescer = std::make_unique<Coalescer>(kAll);
  for (Packet& packet : packets) {
    REQUIRE(coalescer->add(packet));
    coalescer->finish();
    CHECK(coalescer->size() == 1);
    CHECK(coalescer->super_packet(0).size() == 2);
    coalescer->clear();
  }
}

}  // namespace
}  // namespace xm
