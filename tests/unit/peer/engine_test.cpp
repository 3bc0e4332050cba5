// Engine: timers, staged packets, interface state; two engines and a thousand under virtual time.
#include "agent/peer/engine.hpp"

#include <doctest/doctest.h>

#include "tests/support/engine_lab.hpp"

namespace xm {
namespace {

using test::Lab;
using test::LabDatagram;
using test::Station;

unsigned count(const std::vector<SendMessage>& messages, std::size_t length) {
  unsigned found = 0;
  for (const SendMessage& message : messages) found += message.length == length;
  return found;
}

TEST_CASE("engine: nobody there: 20 initiations in 100 s, then what waited is given up") {
  Lab lab;
  auto [a, b] = lab.make_pair();
  lab.filter = [](const LabDatagram&) { return false; };
  a->send(b->public_key);
  lab.run(90s);
  CHECK(a->drops.of(XM_DROP_staged_purged) == 0);
  lab.run(20s);
  CHECK(a->drops.of(XM_DROP_staged_purged) == 1);
  CHECK(a->messages.size() == 20);
  lab.run(400s);
  CHECK(a->messages.size() == 20);
  CHECK(a->engine.sessions().size() == 1);  // the last initiation's index, and its ephemeral key
  lab.run(200s);
  CHECK(a->engine.sessions().size() == 0);  // zeroed
  CHECK(a->engine.next_deadline() == kFarFuture);
  a->send(b->public_key);
  CHECK(a->messages.size() == 21);
}

TEST_CASE("engine: initiations leave 5 s apart, whatever asks for them") {
  Lab lab;
  auto [a, b] = lab.make_pair();
  lab.filter = [](const LabDatagram&) { return false; };
  const PeerId id = a->peer(b->public_key)->id;
  for (unsigned i = 0; i < 120; ++i) {
    a->send(b->public_key);
    a->post({id, PeerEventKind::want_handshake, 0, {}});
    lab.run(500ms);
  }
  CHECK(a->messages.size() >= 11);
  CHECK(a->messages.size() <= 12);
}

TEST_CASE("engine: 128 packets wait, in order, the oldest gives way") {
  Lab lab;
  auto [a, b] = lab.make_pair();
  lab.filter = [](const LabDatagram&) { return false; };
  for (unsigned i = 0; i < 130; ++i) a->send(b->public_key);
  CHECK(a->drops.of(XM_DROP_staged_overflow) == 2);
  lab.filter = [](const LabDatagram&) { return true; };
  lab.run(6s);
  CHECK(b->data_received == 128);
}

TEST_CASE("engine: a packet staged while the session came is sent, not kept") {
  Lab lab;
  auto [a, b] = lab.make_pair();
  a->send(b->public_key);
  lab.run(10ms);
  const std::size_t before = a->messages.size();
  a->engine.stage(a->peer(b->public_key)->id, std::vector<std::uint8_t>(10), a->at());
  a->settle();
  lab.run(10ms);
  CHECK(b->data_received == 2);
  CHECK(a->messages.size() == before);
}

TEST_CASE("engine: rekey after 120 s of sending, by the initiator, without a packet lost") {
  Lab lab;
  auto [a, b] = lab.make_pair();
  for (unsigned i = 0; i < 4000; ++i) {
    a->send(b->public_key);
    b->send(a->public_key);
    lab.run(100ms);
  }
  CHECK(a->data_received == 4000);
  CHECK(b->data_received == 4000);
  CHECK(a->messages.size() + b->messages.size() >= 8);   // at 0, 120, 240, 360 s
  CHECK(a->messages.size() + b->messages.size() <= 10);  // both began at once
  CHECK(a->drops.of(XM_DROP_unknown_index) == 0);
  CHECK(b->drops.of(XM_DROP_unknown_index) == 0);
  CHECK(a->engine.sessions().size() <= 3);
  CHECK(a->grace.reclaim() == 0);
}

TEST_CASE("engine: an initiator that only receives renews at 165 s, once") {
  Lab lab;
  auto [a, b] = lab.make_pair();
  a->send(b->public_key);
  lab.run(100ms);
  a->messages.clear();
  for (unsigned i = 0; i < 1640; ++i) {
    b->send(a->public_key);
    lab.run(100ms);
  }
  // Its own passive keepalives asked for a new session at 120 s already.
  CHECK(count(a->messages, kInitiationSize) == 1);
  CHECK(count(b->messages, kInitiationSize) == 0);
}

TEST_CASE("engine: a responder that sends to silence initiates when its session is dead") {
  Lab lab;
  auto [a, b] = lab.make_pair();
  a->send(b->public_key);
  lab.run(1s);
  b->messages.clear();
  lab.run(185s);
  b->send(a->public_key);
  lab.run(10ms);
  CHECK(count(b->messages, kInitiationSize) == 1);
  CHECK(a->data_received == 1);
}

TEST_CASE("engine: a passive keepalive 10 s after data, none after a keepalive") {
  Lab lab;
  auto [a, b] = lab.make_pair();
  a->send(b->public_key);
  lab.run(9900ms);
  CHECK(a->keepalives_received == 0);
  lab.run(200ms);
  CHECK(a->keepalives_received == 1);
  lab.run(100s);
  CHECK(a->keepalives_received == 1);
  CHECK(b->keepalives_received == 0);
  CHECK(a->messages.size() == 1);  // the keepalive answered: no new handshake
}

TEST_CASE("engine: a quiet tunnel is zeroed 540 s after its session and then sleeps") {
  Lab lab;
  auto [a, b] = lab.make_pair();
  a->send(b->public_key);
  lab.run(530s);
  CHECK(a->engine.sessions().size() == 1);
  lab.run(11s);
  CHECK(a->engine.sessions().size() == 0);
  CHECK(b->engine.sessions().size() == 0);
  CHECK(a->peer(b->public_key)->sending.load() == nullptr);
  CHECK(a->engine.next_deadline() == kFarFuture);
  CHECK(b->engine.next_deadline() == kFarFuture);
  CHECK(a->grace.reclaim() == 0);
  CHECK_FALSE(a->peer(b->public_key)->activity.timers_armed.load());
}

TEST_CASE("engine: persistent keepalive: at once, every interval, and on interface up") {
  Lab lab;
  Station& a = lab.add_station("192.0.2.1:1");
  Station& b = lab.add_station("192.0.2.2:1");
  Lab::introduce(b, a, false);
  Lab::introduce(a, b);
  b.start();
  PeerChange keepalive;
  keepalive.public_key = b.public_key;
  keepalive.persistent_keepalive = 10;
  a.set_peer(std::move(keepalive));
  lab.run(20s);
  CHECK(a.messages.empty());  // down
  a.start();
  lab.run(100ms);
  CHECK(b.keepalives_received == 1);
  lab.run(100s);
  CHECK(b.keepalives_received >= 10);
  CHECK(b.keepalives_received <= 12);
  CHECK(b.view(a.public_key).endpoint == a.address);  // so that b can reach it

  // Each packet of either side puts it off.
  const unsigned before = b.keepalives_received;
  for (unsigned i = 0; i < 50; ++i) {
    b.send(a.public_key);
    lab.run(1s);
  }
  CHECK(b.keepalives_received - before <= 5);  // the passive ones

  PeerChange off;
  off.public_key = b.public_key;
  off.persistent_keepalive = 0;
  a.set_peer(std::move(off));
  lab.run(700s);
  CHECK(a.engine.next_deadline() == kFarFuture);
}

TEST_CASE("engine: persistent keepalive waits for an endpoint, then starts by itself") {
  Lab lab;
  Station& a = lab.add_station("192.0.2.1:1");
  Station& b = lab.add_station("192.0.2.2:1");
  Lab::introduce(b, a, false);
  b.start();
  a.start();
  PeerChange keepalive;
  keepalive.public_key = b.public_key;
  keepalive.persistent_keepalive = 5;
  a.set_peer(std::move(keepalive));
  lab.run(30s);
  CHECK(a.messages.empty());
  Lab::introduce(a, b);
  lab.run(100ms);
  CHECK(b.keepalives_received == 1);
}

TEST_CASE("engine: an unreachable peer with a persistent keepalive is tried for ever") {
  Lab lab;
  auto [a, b] = lab.make_pair();
  lab.filter = [](const LabDatagram&) { return false; };
  PeerChange keepalive;
  keepalive.public_key = b->public_key;
  keepalive.persistent_keepalive = 25;
  a->set_peer(std::move(keepalive));
  lab.run(600s);
  const std::size_t before = a->messages.size();
  lab.run(200s);
  CHECK(a->messages.size() > before + 20);
  lab.filter = [](const LabDatagram&) { return true; };
  lab.run(31s);
  CHECK(b->keepalives_received >= 1);
}

TEST_CASE("engine: down forgets sessions and packets, and answers nothing; up starts anew") {
  Lab lab;
  auto [a, b] = lab.make_pair();
  a->send(b->public_key);
  lab.run(1s);
  b->stop();
  CHECK(b->engine.sessions().size() == 0);
  CHECK(b->peer(a->public_key)->sending.load() == nullptr);
  CHECK(b->engine.next_deadline() == kFarFuture);
  b->send(a->public_key);
  CHECK(b->drops.of(XM_DROP_interface_down) == 1);
  a->stop();
  a->engine.set_interface_up(true, a->at());
  a->send(b->public_key);
  lab.run(100ms);
  CHECK(b->drops.of(XM_DROP_interface_down) == 2);
  CHECK(b->messages.size() == 1);  // the one from before
  b->engine.set_interface_up(true, b->at());
  lab.run(6s);
  CHECK(b->data_received == 2);
}

TEST_CASE("engine: the wall clock set back locks nobody out") {
  Lab lab;
  auto [a, b] = lab.make_pair();
  a->send(b->public_key);
  lab.run(1s);
  lab.clock.shift_wall(-3600s);
  a->stop();
  a->engine.set_interface_up(true, a->at());
  a->send(b->public_key);
  lab.run(100ms);
  CHECK(b->data_received == 2);
  CHECK(b->drops.of(XM_DROP_handshake_replayed) == 0);
}

TEST_CASE("engine: traffic raises no event while its timers are armed") {
  Lab lab;
  auto [a, b] = lab.make_pair();
  a->send(b->public_key);
  lab.run(10ms);
  Activity& activity = a->peer(b->public_key)->activity;
  unsigned events = 0;
  for (unsigned i = 0; i < 1000; ++i) {  // ten seconds of requests and responses
    if (activity.data_sent(lab.clock.now())) {
      ++events;
      a->post({1, PeerEventKind::arm_timers, 0, {}});
    }
    activity.received(lab.clock.now());
    if (activity.data_received(lab.clock.now())) ++events;
    lab.run(10ms);
  }
  CHECK(events <= 2);
}

TEST_CASE("engine: a thousand peers shake hands, talk, rekey and fall asleep") {
  Lab lab;
  Station& hub = lab.add_station("192.0.2.1:1");
  hub.start();
  InterfaceChange all;
  constexpr unsigned kPeers = 1000;
  for (unsigned i = 0; i < kPeers; ++i) {
    Station& spoke = lab.add_station("198.51." + std::to_string(i / 250) + "." +
                                     std::to_string(i % 250 + 1) + ":51820");
    PeerChange change;
    change.public_key = spoke.public_key;
    const std::uint8_t inner[4] = {10, 0, static_cast<std::uint8_t>(i >> 8),
                                   static_cast<std::uint8_t>(i)};
    change.add_allowed_ips = {Prefix::of(IpAddress::v4(inner), 32)};
    all.peers.push_back(std::move(change));
    Lab::introduce(spoke, hub);
    spoke.start();
  }
  hub.apply(std::move(all));
  for (unsigned i = 1; i <= kPeers; ++i) lab.stations[i]->send(hub.public_key);
  lab.run(100ms);
  CHECK(hub.data_received == kPeers);
  CHECK(hub.engine.sessions().size() == kPeers);

  hub.engine.for_each_peer([&](Peer& peer) { hub.send(peer); });
  lab.run(1s);
  unsigned answered = 0;
  for (unsigned i = 1; i <= kPeers; ++i) answered += lab.stations[i]->data_received;
  CHECK(answered == kPeers);
  lab.run(600s);
  CHECK(hub.engine.sessions().size() == 0);
  CHECK(hub.engine.next_deadline() == kFarFuture);
  CHECK(hub.grace.reclaim() == 0);
}

}  // namespace
}  // namespace xm
