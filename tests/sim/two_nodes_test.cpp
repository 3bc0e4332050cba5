// Two whole nodes in one process, over a network that loses, reorders and duplicates.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <set>

#include "tests/support/packet_builder.hpp"
#include "tests/support/path_node.hpp"

namespace xm::test {
namespace {

Endpoint address_of(const char* text) {
  return Endpoint::parse(text).value();
}

// XDPMESH_TEST_SEED repeats a run.
std::uint64_t seed_of_run() {
  const char* const chosen = std::getenv("XDPMESH_TEST_SEED");
  const std::uint64_t seed =
      chosen != nullptr ? std::strtoull(chosen, nullptr, 10) : std::random_device{}();
  std::cout << "seed " << seed << " (XDPMESH_TEST_SEED repeats it)\n";
  return seed;
}

struct Pair {
  explicit Pair(std::uint64_t seed, NetworkFaults faults = {})
      : network(clock, seed, faults),
        a(clock, network, address_of("192.0.2.1:51820"), seed + 1),
        b(clock, network, address_of("[2001:db8::2]:51820"), seed + 2) {}

  void introduce() {
    a.add_peer(b, "10.0.0.2/32");
    b.add_peer(a, "10.0.0.1/32");
  }

  // Lets both nodes work, and time pass to whatever happens next, for `span`.
  void pass(Duration span) {
    const Instant end = clock.now() + span;
    for (;;) {
      while (a.turn() || b.turn()) {
      }
      const Instant next = std::min(
          {network.next_arrival(), a.engine.next_deadline(), b.engine.next_deadline(), end});
      if (next >= end) break;
      clock.advance_to(std::max(next, clock.now() + Duration(1us)));
    }
    clock.advance_to(end);
    while (a.turn() || b.turn()) {
    }
  }

  ManualClock clock;
  FakeNetwork network;
  PathNode a;
  PathNode b;
};

PacketSpec datagram(std::uint32_t number, std::size_t size, bool from_a) {
  PacketSpec spec;
  spec.protocol = 17;
  spec.source = from_a ? "10.0.0.1" : "10.0.0.2";
  spec.destination = from_a ? "10.0.0.2" : "10.0.0.1";
  spec.payload.assign(std::max<std::size_t>(size, 4), static_cast<std::uint8_t>(number));
  for (std::size_t i = 0; i < 4; ++i) {
    spec.payload[i] = static_cast<std::uint8_t>(number >> (8 * i));
  }
  return spec;
}

// The UDP payloads in what was written to a TUN queue, super-packets taken apart.
std::vector<Packet> payloads(FakeTun& tun) {
  std::vector<Packet> found;
  for (const FakeTun::Packet& written : tun.take_written()) {
    VnetHeader vnet;
    std::memcpy(&vnet, written.data(), sizeof vnet);
    const std::size_t from = kVnetHeaderSize + 28;
    const std::size_t step =
        vnet.gso_type == kVnetGsoNone ? written.size() - from : vnet.segment_payload;
    for (std::size_t at = from; at < written.size(); at += step) {
      const std::size_t end = std::min(at + step, written.size());
      found.emplace_back(written.begin() + static_cast<std::ptrdiff_t>(at),
                         written.begin() + static_cast<std::ptrdiff_t>(end));
    }
  }
  return found;
}

std::uint32_t number_of(const Packet& payload) {
  return load_le32(payload.data());
}

TEST_CASE("two nodes: the first packet waits for the handshake and arrives") {
  Pair pair(1);
  pair.introduce();
  const Packet packet = build_packet(datagram(7, 100, true));
  pair.a.tun.push_packet(packet);
  pair.pass(1s);
  const auto written = pair.b.tun.take_written();
  REQUIRE(written.size() == 1);
  CHECK(Packet(written[0].begin() + 10, written[0].end()) == packet);
}

TEST_CASE("two nodes: order and bytes are kept in both directions") {
  Pair pair(2);
  pair.introduce();
  pair.a.tun.push_packet(build_packet(datagram(0, 10, true)));
  pair.pass(1s);
  (void)pair.b.tun.take_written();
  for (std::uint32_t i = 1; i <= 2000; ++i) {
    pair.a.tun.push_packet(build_packet(datagram(i, 4 + i % 1300, true)));
    pair.b.tun.push_packet(build_packet(datagram(i, 4 + i * 7 % 1300, false)));
  }
  pair.pass(1s);
  for (PathNode* const node : {&pair.a, &pair.b}) {
    const auto received = payloads(node->tun);
    REQUIRE(received.size() == 2000);
    for (std::uint32_t i = 0; i < 2000; ++i) {
      CHECK(number_of(received[i]) == i + 1);
      const bool from_a = node == &pair.b;
      CHECK(received[i] == datagram(i + 1, 4 + (i + 1) * (from_a ? 1 : 7) % 1300, from_a).payload);
    }
  }
}

TEST_CASE("two nodes: loss, reordering and duplication: each packet at most once, intact") {
  const std::uint64_t seed = seed_of_run();
  Pair pair(
      seed,
      {.loss = 0.05, .duplication = 0.05, .reordering = 0.1, .delay = 500us, .hold_back = 3ms});
  pair.introduce();
  std::uint32_t sent = 0;
  std::map<std::uint32_t, int> seen;
  // Two and a half minutes with a packet every 5 ms: handshakes, rekeys and data are all hit.
  for (int second = 0; second < 150; ++second) {
    for (int i = 0; i < 200; ++i) {
      pair.a.tun.push_packet(build_packet(datagram(sent, 4 + sent % 1200, true)));
      ++sent;
      if (i % 10 == 0) pair.b.tun.push_packet(build_packet(datagram(sent, 60, false)));
      pair.pass(5ms);
    }
    for (const Packet& payload : payloads(pair.b.tun)) {
      const std::uint32_t number = number_of(payload);
      REQUIRE(number < sent);
      CHECK(payload == datagram(number, 4 + number % 1200, true).payload);
      ++seen[number];
    }
    (void)pair.a.tun.take_written();
  }
  int twice = 0;
  for (const auto& [number, times] : seen) twice += times > 1 ? 1 : 0;
  CHECK(twice == 0);
  // 5 % is lost on the way; what is lost with a lost handshake is staged, at most 128.
  CHECK(seen.size() > sent * 90 / 100);
  CHECK(pair.b.drops(XM_DROP_counter_replayed) > 0);
  CHECK(pair.b.drops(XM_DROP_bad_tag) == 0);
}

TEST_CASE("two nodes: rekeying under traffic loses nothing") {
  Pair pair(4, {.delay = 2ms});
  pair.introduce();
  pair.a.tun.push_packet(build_packet(datagram(0, 10, true)));
  pair.pass(1s);
  (void)pair.b.tun.take_written();
  std::uint32_t sent = 0;
  std::size_t received = 0;
  for (int i = 0; i < 400 * 20; ++i) {  // 400 s, 20 packets a second: three rekeys
    pair.a.tun.push_packet(build_packet(datagram(++sent, 200, true)));
    pair.b.tun.push_packet(build_packet(datagram(sent, 200, false)));
    pair.pass(50ms);
    received += payloads(pair.b.tun).size();
    (void)pair.a.tun.take_written();
  }
  pair.pass(1s);
  received += payloads(pair.b.tun).size();
  CHECK(received == sent);
}

TEST_CASE("two nodes: a super-packet crosses whole") {
  Pair pair(5);
  pair.introduce();
  pair.a.tun.push_packet(build_packet(datagram(0, 10, true)));
  pair.pass(1s);
  (void)pair.b.tun.take_written();
  PacketSpec spec;
  spec.payload.resize(30'000);
  for (std::size_t i = 0; i < spec.payload.size(); ++i) {
    spec.payload[i] = static_cast<std::uint8_t>(i * 31);
  }
  FakeTun::Packet super(kVnetHeaderSize);
  const Packet packet = build_packet(spec);
  super.insert(super.end(), packet.begin(), packet.end());
  VnetHeader vnet{.flags = kVnetNeedsChecksum,
                  .gso_type = kVnetGsoTcp4,
                  .header_length = 40,
                  .segment_payload = 1380,
                  .checksum_start = 20,
                  .checksum_offset = 16};
  std::memcpy(super.data(), &vnet, sizeof vnet);
  pair.a.tun.push_super_packet(super);
  pair.pass(10ms);
  const auto written = pair.b.tun.take_written();
  REQUIRE(written.size() == 1);
  REQUIRE(written[0].size() == super.size());
  CHECK(std::equal(written[0].begin() + 50, written[0].end(), super.begin() + 50));
}

TEST_CASE("two nodes: roaming follows the authenticated source, and nothing else") {
  Pair pair(6);
  pair.introduce();
  pair.a.tun.push_packet(build_packet(datagram(1, 10, true)));
  pair.pass(1s);
  pair.network.start_recording();
  pair.a.tun.push_packet(build_packet(datagram(2, 10, true)));
  pair.pass(10ms);
  const auto recorded = pair.network.take_recording();
  REQUIRE(!recorded.empty());
  // A replay from elsewhere moves nothing.
  Datagram replay = recorded.front();
  replay.from = address_of("203.0.113.9:9");
  pair.network.inject(replay);
  pair.pass(10ms);
  CHECK(pair.b.drops(XM_DROP_counter_replayed) == 1);
  CHECK(pair.b.engine.view().peers[0].endpoint == address_of("192.0.2.1:51820"));
  // A fresh packet does.
  pair.a.socket.move_to(address_of("198.51.100.7:4444"));
  pair.a.tun.push_packet(build_packet(datagram(3, 10, true)));
  pair.pass(10ms);
  CHECK(pair.b.engine.view().peers[0].endpoint == address_of("198.51.100.7:4444"));
  (void)pair.a.tun.take_written();
  pair.b.tun.push_packet(build_packet(datagram(4, 10, false)));
  pair.pass(10ms);
  CHECK(payloads(pair.a.tun).size() == 1);
}

TEST_CASE("two nodes: an inner source that is not the peer's is dropped and counted") {
  Pair pair(7);
  pair.introduce();
  PacketSpec foreign = datagram(1, 10, true);
  foreign.source = "10.0.0.77";
  pair.a.tun.push_packet(build_packet(foreign));
  pair.pass(1s);
  CHECK(pair.b.tun.take_written().empty());
  CHECK(pair.b.drops(XM_DROP_source_not_allowed) == 1);
}

TEST_CASE("two nodes: what has no peer or no endpoint is answered by ICMP unreachable") {
  Pair pair(8);
  pair.a.add_peer(pair.b, "10.0.0.2/32", false);
  for (const auto& [destination, reason] : std::map<std::string, xm_drop>{
           {"10.0.0.2", XM_DROP_no_endpoint}, {"10.0.0.3", XM_DROP_no_allowed_ip}}) {
    PacketSpec spec = datagram(1, 10, true);
    spec.destination = destination;
    pair.a.tun.push_packet(build_packet(spec));
    pair.pass(10ms);
    CHECK(pair.a.drops(reason) == 1);
    const auto written = pair.a.tun.take_written();
    REQUIRE(written.size() == 1);
    CHECK(written[0][10 + 9] == 1);   // ICMP
    CHECK(written[0][10 + 20] == 3);  // destination unreachable
  }
}

TEST_CASE("two nodes: junk is counted and answered by nothing") {
  Pair pair(9);
  pair.introduce();
  std::mt19937_64 generator(9);
  pair.network.start_recording();
  for (int i = 0; i < 2000; ++i) {
    Datagram junk{address_of("203.0.113.1:1"), pair.b.socket.local(), Packet(1 + generator() % 200),
                  0};
    for (std::uint8_t& byte : junk.payload) byte = static_cast<std::uint8_t>(generator());
    if (i % 2 == 0 && junk.payload.size() >= 4) {
      store_le32(junk.payload.data(), 1 + static_cast<std::uint32_t>(generator() % 4));
    }
    if (i % 8 == 0) junk.payload.resize(148);
    pair.network.inject(junk);
  }
  pair.pass(1s);
  for (const Datagram& datagram : pair.network.take_recording()) {
    CHECK(datagram.to == pair.b.socket.local());
  }
  std::uint64_t counted = 0;
  for (int i = 0; i < XM_DROP_COUNT; ++i) counted += pair.b.drops(static_cast<xm_drop>(i));
  CHECK(counted == 2000);
}

TEST_CASE("two nodes: a TUN device that refuses counts, and recovers") {
  Pair pair(10);
  pair.introduce();
  pair.a.tun.push_packet(build_packet(datagram(1, 10, true)));
  pair.pass(1s);
  (void)pair.b.tun.take_written();
  pair.b.tun.set_write_state(TunIo::down);
  pair.a.tun.push_packet(build_packet(datagram(2, 10, true)));
  pair.pass(10ms);
  CHECK(pair.b.drops(XM_DROP_interface_down) == 1);
  pair.b.tun.set_write_state(TunIo::done);
  pair.a.tun.push_packet(build_packet(datagram(3, 10, true)));
  pair.pass(10ms);
  CHECK(payloads(pair.b.tun).size() == 1);
}

TEST_CASE("two nodes: a full send queue is counted and keeps order afterwards") {
  Pair pair(11);
  pair.introduce();
  pair.a.tun.push_packet(build_packet(datagram(1, 10, true)));
  pair.pass(1s);
  (void)pair.b.tun.take_written();
  pair.a.socket.refuse_sends(true, true);
  pair.a.tun.push_packet(build_packet(datagram(2, 10, true)));
  pair.pass(10ms);
  CHECK(pair.a.drops(XM_DROP_send_queue_full) >= 1);
  pair.a.socket.refuse_sends(false, false);
  for (std::uint32_t i = 3; i < 10; ++i) {
    pair.a.tun.push_packet(build_packet(datagram(i, 10, true)));
  }
  pair.pass(10ms);
  const auto received = payloads(pair.b.tun);
  REQUIRE(received.size() == 7);
  for (std::uint32_t i = 0; i < 7; ++i) CHECK(number_of(received[i]) == i + 3);
}

}  // namespace
}  // namespace xm::test
