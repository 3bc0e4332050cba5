#include "agent/path/rx.hpp"

#include <doctest/doctest.h>

#include "tests/support/outer_frames.hpp"
#include "tests/support/packet_builder.hpp"
#include "tests/support/path_rig.hpp"
#include "tests/support/umem_kernel.hpp"

namespace xm::test {
namespace {

struct Tunnel {
  explicit Tunnel(bool has_mesh = false) : right(clock, network, side(has_mesh)) {}

  // One packet from left to right, as it is on the wire; or lost there.
  Datagram sealed(const PacketSpec& spec, bool lost = false) {
    network.set_faults({.loss = lost ? 1.0 : 0.0});
    network.start_recording();
    left.tun.push_packet(build_packet(spec));
    (void)left.tx.run(left.tun);
    const auto recorded = network.take_recording();
    REQUIRE(recorded.size() == 1);
    network.set_faults({});
    drain();
    return recorded.front();
  }
  void drain() {
    while (right.rx.run(right.socket) != 0) {
    }
  }
  void deliver(Datagram datagram) {
    network.inject(std::move(datagram));
    drain();
  }

  ManualClock clock;
  FakeNetwork network{clock, 1};
  PathRig left{clock, network, kLeft};
  PathRig right;

 private:
  static PathRig::Side side(bool has_mesh) {
    PathRig::Side right = kRight;
    right.takes_mesh = has_mesh;
    return right;
  }
};

PacketSpec packet(std::size_t payload = 100) {
  PacketSpec spec;
  spec.protocol = 17;
  spec.payload.assign(payload, 3);
  return spec;
}

// What an AF_XDP socket does with its rings.
class UmemSocket final : public DatagramReceiver {
 public:
  explicit UmemSocket(UmemReceiver& receiver) : receiver_(receiver) { receiver_.refill(); }
  bool receive(ReceiveBuffers& /*buffers*/, ReceiveBatch& batch) override {
    return receiver_.receive(batch, 1);
  }
  void end_loan() override { receiver_.refill(); }

 private:
  UmemReceiver& receiver_;
};

TEST_CASE("rx: frames that are all refused take no chunk with them") {
  constexpr std::uint32_t kChunks = 64;
  struct Row {
    const char* why;
    xm_drop reason;
    void (*spoil)(Packet&);
  };
  const std::vector<Row> rows{
      {"IPv4 checksum", XM_DROP_outer_checksum, [](Packet& frame) { frame[24] ^= 1; }},
      {"source", XM_DROP_outer_martian,
       [](Packet& frame) {
         PacketSpec spec = udp_spec();
         spec.source = "127.0.0.1";
         frame = build_frame(build_packet(spec));
       }},
      {"nothing in it", XM_DROP_outer_malformed, [](Packet& frame) { frame.assign(60, 0); }},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    Tunnel tunnel;
    UmemKernel kernel(kChunks, kChunks);
    UmemSocket socket(kernel.receiver);
    Packet frame = build_frame(build_packet(udp_spec()));
    row.spoil(frame);
    for (std::uint64_t round = 1; round <= 3; ++round) {
      for (std::uint32_t i = 0; i < kChunks; ++i) REQUIRE(kernel.deliver(frame));
      CHECK(kernel.filled() == 0);
      // Nothing was left: only a frame that arrives brings the worker back.
      CHECK(tunnel.right.rx.run(socket) == 0);
      CHECK_FALSE(tunnel.right.rx.more());
      CHECK(kernel.filled() == kChunks);
      CHECK(tunnel.right.drops(row.reason) == round * kChunks);
    }
  }
}

TEST_CASE("rx: a packet arrives as it was, and leaves its marks") {
  Tunnel tunnel;
  const Datagram wire = tunnel.sealed(packet());
  const auto written = tunnel.right.tun.take_written();
  REQUIRE(written.size() == 1);
  CHECK(Packet(written[0].begin() + 10, written[0].end()) == build_packet(packet()));
  CHECK(tunnel.right.peer.received_bytes.load() == wire.payload.size());
  CHECK(tunnel.right.peer.activity.unacknowledged_since.load() == tunnel.clock.now().nanoseconds);
  const auto events = tunnel.right.take_events();
  REQUIRE(events.size() == 2);
  CHECK(events[0].kind == PeerEventKind::arm_timers);
  CHECK(events[1].kind == PeerEventKind::session_confirmed);
  CHECK(events[1].local_index == tunnel.right.session->local_index());
}

TEST_CASE("rx: each way to die, under its own reason, and nothing moves") {
  struct Row {
    const char* why;
    xm_drop reason;
    void (*spoil)(Packet&);
  };
  const std::vector<Row> rows{
      {"type", XM_DROP_malformed, [](Packet& bytes) { bytes[0] = 5; }},
      {"reserved bytes", XM_DROP_malformed, [](Packet& bytes) { bytes[2] = 1; }},
      {"too short", XM_DROP_malformed, [](Packet& bytes) { bytes.resize(31); }},
      {"index", XM_DROP_unknown_index, [](Packet& bytes) { bytes[4] ^= 1; }},
      {"counter past the limit", XM_DROP_counter_too_old,
       [](Packet& bytes) { std::fill_n(&bytes[8], 8, std::uint8_t{0xff}); }},
      {"counter", XM_DROP_bad_tag, [](Packet& bytes) { bytes[8] ^= 1; }},
      {"ciphertext", XM_DROP_bad_tag, [](Packet& bytes) { bytes[20] ^= 1; }},
      {"tag", XM_DROP_bad_tag, [](Packet& bytes) { bytes.back() ^= 1; }},
      {"cut", XM_DROP_bad_tag, [](Packet& bytes) { bytes.resize(bytes.size() - 16); }},
      {"replay", XM_DROP_counter_replayed, [](Packet&) {}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    Tunnel tunnel;
    Datagram wire = tunnel.sealed(packet(), row.reason != XM_DROP_counter_replayed);
    (void)tunnel.right.tun.take_written();
    (void)tunnel.right.take_events();
    wire.from = Endpoint::parse("203.0.113.1:9").value();
    row.spoil(wire.payload);
    tunnel.deliver(wire);
    CHECK(tunnel.right.drops(row.reason) == 1);
    CHECK(tunnel.right.tun.take_written().empty());
    CHECK(tunnel.right.take_events().empty());
  }
}

TEST_CASE("rx: an expired session receives nothing") {
  Tunnel tunnel;
  Datagram wire = tunnel.sealed(packet());
  store_le64(&wire.payload[8], 77);
  tunnel.clock.advance(kRejectAfterTime);
  tunnel.deliver(wire);
  CHECK(tunnel.right.drops(XM_DROP_session_expired) == 1);
}

TEST_CASE("rx: inner packets that are none, or not the peer's") {
  Tunnel tunnel;
  PacketSpec foreign = packet();
  foreign.source = "10.0.0.9";
  (void)tunnel.sealed(foreign);
  CHECK(tunnel.right.drops(XM_DROP_source_not_allowed) == 1);
  CHECK(tunnel.right.tun.take_written().empty());
}

TEST_CASE("rx: an authenticated packet from elsewhere asks for the endpoint to move") {
  Tunnel tunnel;
  (void)tunnel.sealed(packet());
  (void)tunnel.right.take_events();
  tunnel.left.socket.move_to(Endpoint::parse("198.51.100.1:7").value());
  (void)tunnel.sealed(packet());
  const auto events = tunnel.right.take_events();
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == PeerEventKind::endpoint_moved);
  CHECK(events[0].source.remote == Endpoint::parse("198.51.100.1:7").value());
}

TEST_CASE("rx: what answers a packet from elsewhere goes there before the control thread knows") {
  Tunnel tunnel;
  tunnel.left.socket.move_to(Endpoint::parse("198.51.100.1:7").value());
  (void)tunnel.sealed(packet());
  const SendPath& path = *tunnel.right.peer.path.load();
  CHECK(path.remote == Endpoint::parse("198.51.100.1:7").value());
  CHECK(path.socket == &tunnel.right.socket);
  CHECK(path.listeners.v4 == &tunnel.right.socket);
}

TEST_CASE("rx: a peer that turns up where we have no socket waits for the control thread") {
  Tunnel tunnel;
  tunnel.left.socket.move_to(Endpoint::parse("[2001:db8::7]:7").value());
  (void)tunnel.sealed(packet());
  CHECK(tunnel.right.raised(PeerEventKind::endpoint_moved));
  CHECK(tunnel.right.peer.path.load()->remote == Endpoint::parse(kRight.remote).value());
}

TEST_CASE("rx: a place is the same whether or not somebody said by which interface") {
  Tunnel tunnel;
  UmemKernel kernel(16, 16);
  UmemSocket socket(kernel.receiver);
  const auto deliver = [&](const Datagram& wire, std::uint16_t vlan) {
    PacketSpec outer = udp_spec();
    outer.source_port = wire.from.port;
    outer.payload = wire.payload;
    const Packet frame = vlan != 0 ? build_frame(build_packet(outer), {{0x8100, vlan}})
                                   : build_frame(build_packet(outer));
    REQUIRE(kernel.deliver(frame));
    REQUIRE(tunnel.right.rx.run(socket) == 1);
  };
  (void)tunnel.sealed(packet());
  const SendPath* const path = tunnel.right.peer.path.load();
  REQUIRE(path->interface_index != 0);
  (void)tunnel.right.take_events();

  // By turns: AF_XDP behind a tag, which gives none, and the socket.
  for (int round = 0; round < 3; ++round) {
    deliver(tunnel.sealed(packet(), true), 5);
    (void)tunnel.sealed(packet());
  }
  CHECK_FALSE(tunnel.right.raised(PeerEventKind::endpoint_moved));
  CHECK(tunnel.right.peer.path.load() == path);

  // The path has none: what the socket says changes nothing either.
  auto vague = std::make_unique<SendPath>();
  vague->remote = path->remote;
  vague->local = path->local;
  vague->socket = path->socket;
  vague->listeners = path->listeners;
  const std::unique_ptr<const SendPath> old(tunnel.right.peer.path.exchange(vague.release()));
  (void)tunnel.sealed(packet());
  CHECK_FALSE(tunnel.right.raised(PeerEventKind::endpoint_moved));

  // Another interface that is named is another place.
  auto other = std::make_unique<SendPath>();
  other->remote = old->remote;
  other->local = old->local;
  other->interface_index = 77;
  other->socket = old->socket;
  other->listeners = old->listeners;
  delete tunnel.right.peer.path.exchange(other.release());
  (void)tunnel.sealed(packet());
  CHECK(tunnel.right.raised(PeerEventKind::endpoint_moved));
}

TEST_CASE("rx: a link-local address is another one on each interface") {
  Tunnel tunnel;
  UmemKernel kernel(16, 16);
  UmemSocket socket(kernel.receiver);
  const Datagram wire = tunnel.sealed(packet(), true);
  auto path = std::make_unique<SendPath>();
  path->remote = Endpoint::parse("[fe80::1%1]:1").value();
  path->local = IpAddress::parse("fe80::2").value();
  path->socket = &tunnel.right.socket;
  delete tunnel.right.peer.path.exchange(path.release());

  PacketSpec outer = udp6_spec();
  outer.source = "fe80::1";
  outer.destination = "fe80::2";
  outer.source_port = 1;
  outer.payload = wire.payload;
  REQUIRE(kernel.deliver(build_frame(build_packet(outer))));
  REQUIRE(tunnel.right.rx.run(socket) == 1);
  CHECK(tunnel.right.raised(PeerEventKind::endpoint_moved));
}

TEST_CASE("rx: an authentic packet by AF_XDP from an address of our own is a martian") {
  Tunnel tunnel;
  const std::vector<IpAddress> own{IpAddress::parse("192.0.2.2").value(),
                                   IpAddress::parse("198.51.100.7").value()};
  tunnel.right.own_addresses.exchange(&own);
  (void)tunnel.sealed(packet());
  (void)tunnel.right.tun.take_written();
  (void)tunnel.right.take_events();
  UmemKernel kernel(16, 16);
  UmemSocket socket(kernel.receiver);

  // Between two that are well.
  for (const char* const source : {"192.0.2.1", "198.51.100.7", "192.0.2.1"}) {
    PacketSpec outer = udp_spec();
    outer.source = source;
    outer.source_port = 1;
    outer.payload = tunnel.sealed(packet(), true).payload;
    REQUIRE(kernel.deliver(build_frame(build_packet(outer))));
  }
  CHECK(tunnel.right.rx.run(socket) == 3);
  CHECK(tunnel.right.drops(XM_DROP_outer_martian) == 1);
  CHECK(tunnel.right.counters.delivered_packets.value() == 3);
  CHECK_FALSE(tunnel.right.raised(PeerEventKind::endpoint_moved));
  CHECK(tunnel.right.peer.path.load()->remote == Endpoint::parse(kRight.remote).value());

  // By the socket the kernel has looked: two agents of one machine may talk to each other.
  tunnel.left.socket.move_to(Endpoint::parse("198.51.100.7:1").value());
  (void)tunnel.sealed(packet());
  CHECK(tunnel.right.raised(PeerEventKind::endpoint_moved));
  CHECK(tunnel.right.drops(XM_DROP_outer_martian) == 1);
}

TEST_CASE("rx: an initiator hears of a session's last minutes once") {
  Tunnel tunnel;
  tunnel.clock.advance(166s);
  tunnel.right.tun.push_packet([] {
    PacketSpec spec = packet();
    spec.source = "10.0.0.2";
    spec.destination = "10.0.0.1";
    return build_packet(spec);
  }());
  (void)tunnel.right.tx.run(tunnel.right.tun);
  (void)tunnel.left.rx.run(tunnel.left.socket);
  CHECK(tunnel.left.raised(PeerEventKind::want_handshake));
  CHECK_FALSE(tunnel.right.raised(PeerEventKind::want_handshake));
}

TEST_CASE(
    "rx: gossip and STUN go to the control thread where there is a mesh, else they are junk") {
  for (const bool has_mesh : {false, true}) {
    Tunnel tunnel(has_mesh);
    Packet gossip(64, 1);
    gossip[0] = 0xd8, gossip[1] = 'x', gossip[2] = 'm';
    Packet stun(20);
    stun[1] = 1, stun[4] = 0x21, stun[5] = 0x12, stun[6] = 0xa4, stun[7] = 0x42;
    for (const Packet& payload : {gossip, stun, Packet(64, 9)}) {
      tunnel.deliver(
          {Endpoint::parse("203.0.113.1:9").value(), tunnel.right.socket.local(), payload, 0});
    }
    CHECK(tunnel.right.drops(XM_DROP_malformed) == (has_mesh ? 1 : 3));
    MeshDatagram taken;
    CHECK(tunnel.right.port.take(taken) == has_mesh);
    if (!has_mesh) continue;
    CHECK(taken.bytes == gossip);
    CHECK(taken.source.remote == Endpoint::parse("203.0.113.1:9").value());
    REQUIRE(tunnel.right.port.take(taken));
    CHECK(taken.bytes == stun);
    CHECK_FALSE(tunnel.right.port.take(taken));
    for (std::size_t i = 0; i < ControlPort::kMeshDatagrams + 5; ++i) {
      tunnel.deliver(
          {Endpoint::parse("203.0.113.1:9").value(), tunnel.right.socket.local(), gossip, 0});
    }
    CHECK(tunnel.right.drops(XM_DROP_mesh_queue_full) == 5);
  }
}

TEST_CASE("rx: handshake messages go to the control thread; a full queue is counted") {
  Tunnel tunnel;
  Datagram initiation{Endpoint::parse("203.0.113.1:9").value(), tunnel.right.socket.local(),
                      Packet(kInitiationSize), 0};
  initiation.payload[0] = 1;
  for (std::size_t i = 0; i < ControlPort::kHandshakes + 5; ++i) tunnel.deliver(initiation);
  CHECK(tunnel.right.port.handshakes_waiting() == ControlPort::kHandshakes);
  CHECK(tunnel.right.drops(XM_DROP_handshake_queue_full) == 5);
  HandshakeDatagram taken;
  REQUIRE(tunnel.right.port.take(taken));
  CHECK(taken.length == kInitiationSize);
  CHECK(taken.source.remote == initiation.from);
}

TEST_CASE("rx: congestion on the way reaches an inner packet that can say so") {
  Tunnel tunnel;
  PacketSpec spec = packet();
  spec.traffic_class = 2;  // ECT(0)
  Datagram wire = tunnel.sealed(spec);
  CHECK((wire.tos & 3) == 2);
  CHECK((tunnel.right.tun.take_written().at(0).at(10 + 1) & 3) == 2);

  wire = tunnel.sealed(spec, true);
  wire.tos = 3;
  tunnel.deliver(wire);
  CHECK((tunnel.right.tun.take_written().at(0).at(10 + 1) & 3) == 3);
}

}  // namespace
}  // namespace xm::test
