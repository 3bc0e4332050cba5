// split ∘ coalesce is the identity: whatever arrives leaves byte for byte, each flow in its order,
// and exactly what a naive reading of the rules would join is joined.
#include <doctest/doctest.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "agent/path/coalesce.hpp"
#include "agent/path/split.hpp"
#include "tests/support/packet_builder.hpp"

namespace xm {
namespace {

using test::build_packet;
using test::Packet;
using test::PacketSpec;

constexpr CoalesceKinds kAll{.tcp4 = true, .tcp6 = true, .udp4 = true, .udp6 = true};
constexpr std::size_t kFlowCount = 12;  // fewer than the coalescer keeps open: none is evicted

class Random {
 public:
  explicit Random(std::uint32_t seed) : engine_(seed) {}
  // 0 .. below - 1
  std::uint32_t pick(std::uint32_t below) { return static_cast<std::uint32_t>(engine_()) % below; }
  bool one_in(std::uint32_t n) { return pick(n) == 0; }
  std::vector<std::uint8_t> bytes(std::size_t length) {
    std::vector<std::uint8_t> out(length);
    for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(engine_());
    return out;
  }

 private:
  std::mt19937 engine_;
};

// One arrival: a packet of flow `flow`, or of none (kFlowCount: ICMP between address pair `pair`).
struct Arrival {
  PacketSpec spec;
  Packet packet;
  std::size_t flow = 0;
  std::size_t pair = 0;
  bool damaged = false;
};

// A sender that mostly streams and now and then does something else.
struct Sender {
  PacketSpec next;
  std::size_t pair = 0;
  std::size_t usual_payload = 0;
  bool fixed_id = false;
};

void set_addresses(PacketSpec& spec, std::size_t pair) {
  const std::string number = std::to_string(pair);
  const bool v6 = pair % 2 == 1;
  spec.source = v6 ? "fd00::" + number : "10.0.0." + number;
  spec.destination = v6 ? "fd00::1:" + number : "10.0.1." + number;
}

std::vector<Sender> make_senders(Random& random) {
  std::vector<Sender> senders(kFlowCount);
  for (std::size_t i = 0; i < senders.size(); ++i) {
    Sender& sender = senders[i];
    sender.pair = random.pick(6);
    set_addresses(sender.next, sender.pair);
    sender.next.protocol = random.one_in(3) ? 17 : 6;
    sender.next.source_port = static_cast<std::uint16_t>(1000 + i);
    sender.next.sequence = static_cast<std::uint32_t>(random.pick(0xffffffff));
    sender.next.id = static_cast<std::uint16_t>(random.pick(65536));
    sender.next.fragment = random.one_in(2) ? 0x4000 : 0;
    sender.next.tcp_options = random.bytes(4 * random.pick(11));
    sender.usual_payload = 1 + random.pick(random.one_in(3) ? 8000 : 1400);
    sender.fixed_id = sender.next.fragment != 0 && random.one_in(3);
  }
  return senders;
}

Arrival send_one(Sender& sender, std::size_t flow, Random& random) {
  PacketSpec& next = sender.next;
  // Lasting changes.
  if (random.one_in(40)) next.acknowledgement += 1;
  if (random.one_in(60)) next.window ^= 3;
  if (random.one_in(60)) next.traffic_class = static_cast<std::uint8_t>(random.pick(256));
  if (random.one_in(60)) next.hop_limit ^= 1;
  if (random.one_in(60)) next.flow_label ^= 7;
  if (random.one_in(60)) next.sequence += random.pick(3000);
  if (random.one_in(60) && !next.tcp_options.empty()) next.tcp_options.back() ^= 1;
  // Changes of this packet alone.
  PacketSpec spec = next;
  std::size_t payload = sender.usual_payload;
  if (random.one_in(12)) payload = random.pick(static_cast<std::uint32_t>(payload) + 20);
  spec.payload = random.bytes(payload);
  if (random.one_in(15)) spec.tcp_flags |= 0x08;
  if (random.one_in(40)) spec.tcp_flags = static_cast<std::uint8_t>(random.pick(256));
  if (random.one_in(40)) spec.no_checksum = true;

  Arrival arrival{spec, build_packet(spec), flow, sender.pair, random.one_in(50)};
  if (arrival.damaged) arrival.packet.back() ^= 0x20;
  next.sequence += static_cast<std::uint32_t>(payload);
  if (!sender.fixed_id) ++next.id;
  return arrival;
}

std::vector<Arrival> make_arrivals(Random& random) {
  std::vector<Sender> senders = make_senders(random);
  std::vector<Arrival> arrivals;
  std::size_t flow = 0;
  while (arrivals.size() < 400) {
    if (random.one_in(4)) flow = random.pick(kFlowCount);
    if (random.one_in(50)) {
      Arrival ping;
      ping.flow = kFlowCount;
      ping.pair = random.pick(6);
      set_addresses(ping.spec, ping.pair);
      ping.spec.protocol = 1;
      ping.spec.payload = random.bytes(64);
      ping.packet = build_packet(ping.spec);
      arrivals.push_back(ping);
    } else {
      arrivals.push_back(send_one(senders[flow], flow, random));
    }
  }
  return arrivals;
}

// ------------------------------------------------------------------------------------------------
// The oracle: one flow's packets, and the pings between its addresses, read as the rules are
// written

bool is_v6(const PacketSpec& spec) {
  return spec.source.find(':') != std::string::npos;
}

std::size_t length_of(const PacketSpec& spec) {
  return build_packet(spec).size();
}

bool naive_joinable(const Arrival& arrival) {
  const PacketSpec& spec = arrival.spec;
  if (arrival.flow == kFlowCount || spec.payload.empty()) return false;
  if (spec.protocol == 17) return !spec.no_checksum;
  return (spec.tcp_flags & 0x26) == 0;
}

bool naive_same_headers(const PacketSpec& a, const PacketSpec& b) {
  if (a.traffic_class != b.traffic_class || a.hop_limit != b.hop_limit) return false;
  if (is_v6(a) ? a.flow_label != b.flow_label : a.fragment != b.fragment) return false;
  if (a.protocol == 17) return true;
  return a.acknowledgement == b.acknowledgement && a.window == b.window &&
         a.tcp_options == b.tcp_options && (b.tcp_flags & 0x80) == 0 &&
         (a.tcp_flags & 0x76) == (b.tcp_flags & 0x76);
}

bool naive_ids_follow(const std::vector<const Arrival*>& group, const Arrival& next) {
  if (is_v6(next.spec)) return true;
  bool rising = true;
  bool equal = (next.spec.fragment & 0x4000) != 0;
  for (std::size_t i = 0; i <= group.size(); ++i) {
    const std::uint16_t id = i == group.size() ? next.spec.id : group[i]->spec.id;
    rising = rising && id == static_cast<std::uint16_t>(group[0]->spec.id + i);
    equal = equal && id == group[0]->spec.id;
  }
  return rising || equal;
}

bool naive_joins(const std::vector<const Arrival*>& group, const Arrival& next) {
  const Arrival& first = *group.front();
  const Arrival& last = *group.back();
  if (!naive_joinable(first) || !naive_joinable(next)) return false;
  if (first.damaged || next.damaged) return false;
  if (!naive_same_headers(first.spec, next.spec) || !naive_ids_follow(group, next)) return false;
  std::size_t length = length_of(first.spec) + next.spec.payload.size();
  for (std::size_t i = 1; i < group.size(); ++i) length += group[i]->spec.payload.size();
  if (length > 65535) return false;
  if (next.spec.payload.size() > first.spec.payload.size()) return false;
  if (last.spec.payload.size() != first.spec.payload.size()) return false;
  if (first.spec.protocol == 17) return group.size() < 64;
  return (last.spec.tcp_flags & 0x09) == 0 &&
         next.spec.sequence == last.spec.sequence + last.spec.payload.size();
}

std::vector<std::size_t> naive_groups(const std::vector<const Arrival*>& packets) {
  std::vector<std::vector<const Arrival*>> groups;
  for (const Arrival* packet : packets) {
    if (!groups.empty() && naive_joins(groups.back(), *packet)) {
      groups.back().push_back(packet);
    } else {
      groups.push_back({packet});
    }
  }
  std::vector<std::size_t> sizes;
  for (const auto& group : groups) sizes.push_back(group.size());
  return sizes;
}

// ------------------------------------------------------------------------------------------------

struct Group {
  std::size_t flow = 0;
  std::size_t pair = 0;
  std::vector<Packet> segments;
};

// With DF an id means nothing (RFC 6864): where all are the same, segmentation counts them up.
Packet without_id(Packet packet) {
  if (packet[0] >> 4 != 4 || (packet[6] & 0x40) == 0) return packet;
  for (const std::size_t at : {4U, 5U, 10U, 11U}) packet[at] = 0;
  return packet;
}

std::vector<Packet> split_whole(std::span<const iovec> pieces) {
  VnetHeader vnet;
  std::memcpy(&vnet, pieces[0].iov_base, sizeof vnet);
  Packet packet;
  for (const iovec& piece : pieces.subspan(1)) {
    const auto* at = static_cast<const std::uint8_t*>(piece.iov_base);
    packet.insert(packet.end(), at, at + piece.iov_len);
  }
  SplitPlan plan;
  REQUIRE(split_plan(vnet, packet, plan));
  REQUIRE(plan.segment_count == pieces.size() - 1);
  std::vector<Packet> segments(plan.segment_count);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    segments[i].resize(plan.segment_length(i));
    REQUIRE(write_segment(plan, packet, i, segments[i].data()) == segments[i].size());
  }
  return segments;
}

std::vector<Group> run(const std::vector<Arrival>& arrivals) {
  std::vector<Packet> packets;
  std::map<const void*, const Arrival*> by_address;
  packets.reserve(arrivals.size());
  for (const Arrival& arrival : arrivals) {
    packets.push_back(arrival.packet);
    by_address[packets.back().data()] = &arrival;
  }
  auto coalescer = std::make_unique<Coalescer>(kAll);
  for (Packet& packet : packets) REQUIRE(coalescer->add(packet));
  coalescer->finish();
  std::vector<Group> groups;
  for (std::size_t i = 0; i < coalescer->size(); ++i) {
    const auto pieces = coalescer->super_packet(i);
    const Arrival* first = by_address.at(pieces[1].iov_base);
    groups.push_back({first->flow, first->pair, split_whole(pieces)});
  }
  return groups;
}

void check_flow(std::size_t flow, std::size_t pair, const std::vector<Arrival>& arrivals,
                const std::vector<Group>& groups) {
  const auto concerns = [&](std::size_t its_flow, std::size_t its_pair) {
    return its_flow == flow || (its_flow == kFlowCount && its_pair == pair);
  };
  std::vector<const Arrival*> expected;
  for (const Arrival& arrival : arrivals) {
    if (concerns(arrival.flow, arrival.pair)) expected.push_back(&arrival);
  }
  std::vector<std::size_t> sizes;
  std::vector<Packet> came_out;
  for (const Group& group : groups) {
    if (!concerns(group.flow, group.pair)) continue;
    sizes.push_back(group.segments.size());
    came_out.insert(came_out.end(), group.segments.begin(), group.segments.end());
  }
  CHECK(sizes == naive_groups(expected));
  REQUIRE(came_out.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (without_id(came_out[i]) != without_id(expected[i]->packet)) FAIL("packet ", i);
  }
}

TEST_CASE("offloads: split after coalesce is the identity") {
  const char* given = std::getenv("XDPMESH_TEST_SEED");  // NOLINT(concurrency-mt-unsafe)
  const std::uint32_t first_seed =
      given != nullptr ? static_cast<std::uint32_t>(std::strtoul(given, nullptr, 10))
                       : std::random_device{}();
  std::size_t joined = 0;
  std::size_t packets = 0;
  for (std::uint32_t seed = first_seed; seed != first_seed + 60; ++seed) {
    INFO("repeat with XDPMESH_TEST_SEED=", seed);
    Random random(seed);
    const std::vector<Arrival> arrivals = make_arrivals(random);
    const std::vector<Group> groups = run(arrivals);
    std::map<std::size_t, std::size_t> pair_of;
    for (const Arrival& arrival : arrivals) pair_of[arrival.flow] = arrival.pair;
    for (const auto& [flow, pair] : pair_of) {
      if (flow != kFlowCount) check_flow(flow, pair, arrivals, groups);
    }
    packets += arrivals.size();
    joined += arrivals.size() - groups.size();
  }
  CHECK(joined > packets / 4);  // the flows are such that there is something to join
}

}  // namespace
}  // namespace xm
