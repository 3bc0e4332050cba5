#include "agent/path/tx.hpp"

#include <doctest/doctest.h>

#include "tests/support/packet_builder.hpp"
#include "tests/support/path_rig.hpp"

namespace xm::test {
namespace {

struct Sender {
  // What left for everything that waits in the TUN queue.
  std::vector<Datagram> send() {
    network.start_recording();
    while (rig.tx.run(rig.tun).packets != 0) {
    }
    return network.take_recording();
  }
  void push(const PacketSpec& spec) { rig.tun.push_packet(build_packet(spec)); }

  ManualClock clock;
  FakeNetwork network{clock, 1};
  PathRig rig{clock, network, kLeft};
};

PacketSpec packet(std::size_t payload) {
  PacketSpec spec;
  spec.protocol = 17;
  spec.payload.assign(payload, 3);
  return spec;
}

std::uint64_t counter_of(const Datagram& datagram) {
  return load_le64(&datagram.payload.at(8));
}

TEST_CASE("tx: header, counters and padding") {
  Sender sender;
  for (const std::size_t payload : {0, 4, 100, 1391, 1392}) sender.push(packet(payload));
  const auto sent = sender.send();
  REQUIRE(sent.size() == 5);
  // 28 bytes of headers inside, to a multiple of 16 but not past the MTU, 32 of ours.
  const std::vector<std::size_t> lengths{32 + 32, 32 + 32, 128 + 32, 1420 + 32, 1420 + 32};
  for (std::size_t i = 0; i < sent.size(); ++i) {
    CHECK(load_le32(sent[i].payload.data()) == 4);
    CHECK(load_le32(&sent[i].payload[4]) == sender.rig.session->remote_index());
    CHECK(counter_of(sent[i]) == i);
    CHECK(sent[i].payload.size() == lengths[i]);
  }
  CHECK(sender.rig.session->counters_taken() == 5);
  CHECK(sender.rig.raised(PeerEventKind::arm_timers));
}

TEST_CASE("tx: a flood that goes nowhere leaves after one batch, all of it counted") {
  Sender sender;
  PacketSpec lost = packet(10);
  lost.destination = "10.9.9.9";
  for (int i = 0; i < 10'000; ++i) sender.push(lost);
  const Tx::Outcome outcome = sender.rig.tx.run(sender.rig.tun);
  CHECK(outcome.last == TunIo::done);
  CHECK(outcome.packets < 1000);
  CHECK(sender.send().empty());
  CHECK(sender.rig.drops(XM_DROP_no_allowed_ip) == 10'000);
  // The sender is told, within reason.
  const std::size_t told = sender.rig.tun.take_written().size();
  CHECK(told > 0);
  CHECK(told <= 50);
}

TEST_CASE("tx: without a session packets wait with the control thread, bounded") {
  Sender sender;
  sender.rig.peer.sending.exchange(nullptr);
  for (std::size_t i = 0; i < ControlPort::kStaged + 3; ++i) sender.push(packet(50));
  CHECK(sender.send().empty());
  CHECK(sender.rig.drops(XM_DROP_control_queue_full) == 3);
  StagedPacket staged;
  REQUIRE(sender.rig.port.take(staged));
  CHECK(staged.peer == sender.rig.peer.id);
  CHECK(Packet(staged.bytes.begin() + 10, staged.bytes.end()) == build_packet(packet(50)));
}

TEST_CASE("tx: packets wait for a path that is on its way, and are refused where none is") {
  Sender sender;
  sender.rig.forget_path();
  sender.push(packet(50));
  CHECK(sender.send().empty());
  CHECK(sender.rig.drops(XM_DROP_no_endpoint) == 1);
  sender.rig.peer.waits_for_path = true;
  sender.push(packet(50));
  CHECK(sender.send().empty());
  CHECK(sender.rig.drops(XM_DROP_no_endpoint) == 1);
  StagedPacket staged;
  REQUIRE(sender.rig.port.take(staged));
  CHECK(staged.peer == sender.rig.peer.id);
}

TEST_CASE("tx: super-packets that wait are bounded by their bytes") {
  ControlPort port([] {});
  const Packet large(60'000);
  std::size_t accepted = 0;
  while (port.post_staged(1, large)) ++accepted;
  CHECK(accepted == ControlPort::kStagedBytes / large.size());
  StagedPacket taken;
  REQUIRE(port.take(taken));
  CHECK(port.post_staged(1, large));
}

TEST_CASE("tx: an expired session is not sent under") {
  Sender sender;
  sender.clock.advance(kRejectAfterTime);
  sender.push(packet(10));
  CHECK(sender.send().empty());
  StagedPacket staged;
  CHECK(sender.rig.port.take(staged));
}

TEST_CASE("tx: the last counter is the last") {
  Sender sender;
  sender.rig.session->set_next_counter(kRejectAfterMessages - 1);
  sender.push(packet(10));
  CHECK(sender.send().size() == 1);
  sender.push(packet(10));
  CHECK(sender.send().empty());
  CHECK(sender.rig.drops(XM_DROP_counters_exhausted) == 1);
  CHECK(sender.rig.raised(PeerEventKind::want_handshake));
}

TEST_CASE("tx: an old session asks for a new one, once") {
  Sender sender;
  sender.clock.advance(kRekeyAfterTime);
  for (int i = 0; i < 3; ++i) {
    sender.push(packet(10));
    CHECK(sender.send().size() == 1);
  }
  std::size_t asked = 0;
  for (const PeerEvent& event : sender.rig.take_events()) {
    asked += event.kind == PeerEventKind::want_handshake ? 1 : 0;
  }
  CHECK(asked == 1);
}

TEST_CASE("tx: keepalives are empty and need a session") {
  Sender sender;
  sender.network.start_recording();
  sender.rig.tx.add_keepalive(sender.rig.peer, sender.clock.now());
  sender.rig.tx.flush(sender.clock.now());
  const auto sent = sender.network.take_recording();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].payload.size() == 32);
  CHECK(sender.rig.peer.activity.unanswered_since.load() == 0);
  sender.rig.peer.sending.exchange(nullptr);
  sender.rig.tx.add_keepalive(sender.rig.peer, sender.clock.now());
  sender.rig.tx.flush(sender.clock.now());
  CHECK(sender.network.take_recording().empty());
}

TEST_CASE("tx: what is no IP packet is counted, whatever its length") {
  Sender sender;
  for (const Packet& bytes : {Packet{}, Packet{0x45}, Packet(60, 0), Packet(60, 0xff)}) {
    sender.rig.tun.push_packet(bytes);
  }
  sender.rig.tun.push_super_packet({});                           // not even a virtio header
  sender.rig.tun.push_super_packet(Packet(kVnetHeaderSize - 1));  // not all of it
  CHECK(sender.send().empty());
  CHECK(sender.rig.drops(XM_DROP_tun_malformed) == 6);
}

}  // namespace
}  // namespace xm::test
