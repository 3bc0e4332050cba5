// Engine: handshake messages, their races and their defences.
#include <doctest/doctest.h>

#include "tests/support/engine_lab.hpp"

namespace xm {
namespace {

using test::Lab;
using test::LabDatagram;
using test::Station;

bool is_up(Station& from, Station& to) {
  return from.peer(to.public_key)->sending.load() != nullptr;
}

// A message that claims an index of its own, as a stranger would send it: no mac1 fits.
LabDatagram junk(const Station& to, std::uint32_t type, std::size_t length) {
  std::vector<std::uint8_t> bytes(length, 0x5a);
  store_le32(bytes.data(), type);
  return {test::endpoint("203.0.113.1:5"), to.address, {}, bytes, nullptr};
}

TEST_CASE("handshake: one round trip, then both sides send; everything is counted") {
  Lab lab;
  auto [a, b] = lab.make_pair();
  a->send(b->public_key);
  a->send(b->public_key);
  CHECK(a->messages.size() == 1);
  CHECK(a->messages[0].tos == 0x88);
  CHECK(a->messages[0].length == kInitiationSize);
  lab.run(10ms);
  CHECK(b->data_received == 2);
  CHECK(b->keepalives_received == 0);  // the data confirmed
  REQUIRE(b->messages.size() == 1);
  CHECK(b->messages[0].tos == 0x88);
  CHECK(b->messages[0].length == kResponseSize);
  CHECK(is_up(*a, *b));
  CHECK(is_up(*b, *a));
  b->send(a->public_key);
  lab.run(10ms);
  CHECK(a->data_received == 1);

  CHECK(a->view(b->public_key).sent_bytes == kInitiationSize);  // data is the path's to count
  CHECK(a->view(b->public_key).received_bytes == kResponseSize);
  CHECK(b->view(a->public_key).sent_bytes == kResponseSize);
  CHECK(a->view(b->public_key).last_handshake.nanoseconds != 0);
  CHECK(b->view(a->public_key).last_handshake.nanoseconds != 0);
}

TEST_CASE("handshake: with nothing to send, a keepalive confirms") {
  Lab lab;
  auto [a, b] = lab.make_pair();
  a->post({a->peer(b->public_key)->id, PeerEventKind::want_handshake, 0, {}});
  lab.run(10ms);
  CHECK(b->keepalives_received == 1);
  CHECK(is_up(*b, *a));
}

TEST_CASE("handshake: the responder receives before it sends, and sends once confirmed") {
  Lab lab;
  auto [a, b] = lab.make_pair();
  lab.filter = [](const LabDatagram& d) { return d.type() != MessageType::data; };
  a->send(b->public_key);
  lab.run(10ms);
  CHECK(is_up(*a, *b));
  CHECK_FALSE(is_up(*b, *a));
  b->send(a->public_key);  // waits: an initiation of its own would be too soon after the response
  CHECK(b->messages.size() == 1);
  lab.filter = [](const LabDatagram&) { return true; };
  REQUIRE(lab.taken.size() == 1);
  lab.deliver(lab.taken[0]);  // late
  lab.run(10ms);
  CHECK(is_up(*b, *a));
  CHECK(b->data_received == 1);
  CHECK(a->data_received == 1);
  lab.run(8s);
  CHECK(b->messages.size() == 1);  // and is not needed any more
}

TEST_CASE("handshake: a lost response is made good by the retransmit") {
  Lab lab;
  auto [a, b] = lab.make_pair();
  unsigned lost = 0;
  lab.filter = [&](const LabDatagram& d) {
    return d.type() != MessageType::response || lost++ > 0;
  };
  a->send(b->public_key);
  lab.run(4900ms);
  CHECK(b->data_received == 0);
  lab.run(600ms);
  CHECK(b->data_received == 1);
  CHECK(a->messages.size() == 2);
  CHECK(is_up(*b, *a));
  // What the lost response promised is gone, but for the one that replaced it.
  CHECK(b->engine.sessions().size() == 1);
}

TEST_CASE("handshake: both sides initiate at once and agree within a round trip") {
  Lab lab;
  auto [a, b] = lab.make_pair();
  a->send(b->public_key);
  b->send(a->public_key);
  lab.run(50ms);
  CHECK(a->data_received == 1);
  CHECK(b->data_received == 1);
  for (unsigned i = 0; i < 5; ++i) {
    a->send(b->public_key);
    b->send(a->public_key);
    lab.run(1s);
  }
  CHECK(a->data_received == 6);
  CHECK(b->data_received == 6);
  CHECK(a->messages.size() == 2);  // one initiation and one response each
  CHECK(b->messages.size() == 2);
}

TEST_CASE("handshake: both initiate at once, every order of the first four messages") {
  // 0, 1: the initiations of a and b; each response can come any time after its initiation.
  for (unsigned order = 0; order < 16; ++order) {
    CAPTURE(order);
    Lab lab;
    auto [a, b] = lab.make_pair();
    a->send(b->public_key);
    b->send(a->public_key);
    std::vector<LabDatagram> waiting;
    const auto collect = [&] {
      for (Station* station : {a, b}) {
        for (LabDatagram& d : std::exchange(station->outbox, {})) waiting.push_back(std::move(d));
      }
    };
    collect();
    for (unsigned step = 0; step < 4 && !waiting.empty(); ++step) {
      const std::size_t pick = (order >> step & 1U) % waiting.size();
      const LabDatagram datagram = waiting[pick];
      waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(pick));
      lab.deliver(datagram);
      collect();
    }
    for (const LabDatagram& datagram : waiting) lab.deliver(datagram);
    lab.run(100ms);
    const unsigned before_a = a->data_received;
    const unsigned before_b = b->data_received;
    a->send(b->public_key);
    b->send(a->public_key);
    lab.run(100ms);
    CHECK(a->data_received == before_a + 1);
    CHECK(b->data_received == before_b + 1);
    // Not both will renew it.
    CHECK_FALSE((a->peer(b->public_key)->sending.load()->is_initiator() &&
                 b->peer(a->public_key)->sending.load()->is_initiator()));
  }
}

TEST_CASE("handshake: a replayed initiation and response are answered by nothing") {
  Lab lab;
  auto [a, b] = lab.make_pair();
  std::vector<LabDatagram> seen;
  lab.filter = [&](const LabDatagram& d) {
    seen.push_back(d);
    return true;
  };
  a->send(b->public_key);
  lab.run(1s);
  lab.filter = [](const LabDatagram&) { return true; };
  REQUIRE(seen.size() == 3);
  LabDatagram replay = seen[0];
  replay.from = test::endpoint("203.0.113.66:6");
  b->receive(replay);
  CHECK(b->drops.of(XM_DROP_handshake_replayed) == 1);
  a->receive(seen[1]);
  CHECK(a->drops.of(XM_DROP_handshake_unexpected) == 1);
  b->receive(seen[2]);
  CHECK(b->drops.of(XM_DROP_counter_replayed) == 1);
  CHECK(a->outbox.empty());
  CHECK(b->outbox.empty());
  CHECK(b->view(a->public_key).endpoint == a->address);  // the replay did not move it
  CHECK(b->engine.sessions().size() == 1);
}

TEST_CASE("handshake: an older initiation that comes late is refused") {
  Lab lab;
  auto [a, b] = lab.make_pair();
  lab.filter = [](const LabDatagram& d) { return d.type() != MessageType::initiation; };
  a->send(b->public_key);
  lab.run(6s);
  REQUIRE(lab.taken.size() == 2);
  lab.filter = [](const LabDatagram&) { return true; };
  lab.deliver(lab.taken[1]);
  lab.deliver(lab.taken[0]);
  CHECK(b->drops.of(XM_DROP_handshake_replayed) == 1);
  lab.run(100ms);
  CHECK(b->data_received == 1);
}

TEST_CASE("handshake: at most 50 initiations a second are taken from one peer") {
  Lab lab;
  auto [a, b] = lab.make_pair();
  const RemoteStatic remote =
      RemoteStatic::from(LocalStatic::from(a->private_key.clone()), b->public_key, Key{});
  CookieJar jar(b->public_key);
  PendingInitiation pending;
  for (std::int64_t i = 0; i < 3; ++i) {
    const WallTime wall{lab.clock.wall().nanoseconds + i * 1'000'000'000};
    auto message = pending.create(LocalStatic::from(a->private_key.clone()), remote, 77,
                                  Tai64n::from(wall), a->random);
    jar.sign(*message, lab.clock.now());
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&*message);
    b->receive({a->address, b->address, {}, {bytes, bytes + sizeof *message}, nullptr});
    lab.clock.advance(10ms);
  }
  CHECK(b->messages.size() == 2);  // at 0 and 20 ms, not at 10 ms
  CHECK(b->drops.of(XM_DROP_handshake_too_frequent) == 1);
}

TEST_CASE("handshake: first data that overtakes others is received") {
  Lab lab;
  auto [a, b] = lab.make_pair();
  lab.filter = [](const LabDatagram& d) { return d.type() != MessageType::data; };
  for (unsigned i = 0; i < 3; ++i) a->send(b->public_key);
  lab.run(10ms);
  lab.filter = [](const LabDatagram&) { return true; };
  REQUIRE(lab.taken.size() == 3);
  for (const std::size_t i : {2U, 0U, 1U}) lab.deliver(lab.taken[i]);
  CHECK(b->data_received == 3);
  CHECK(is_up(*b, *a));
}

TEST_CASE("handshake: a responder that crashed is found again by its peer") {
  Lab lab;
  auto [a, b] = lab.make_pair();
  a->send(b->public_key);
  lab.run(1s);
  b->send(a->public_key);
  lab.run(1s);
  CHECK(a->data_received == 1);

  // It comes back with the same key and configuration and nothing else.
  const Key key = b->private_key.clone();
  const Endpoint address = b->address;
  lab.stations.pop_back();
  lab.run(1s);
  Station& reborn = lab.add_station("192.0.2.99:1");
  reborn.address = address;
  reborn.private_key = key.clone();
  reborn.public_key = public_key(key);
  Lab::introduce(reborn, *a);
  reborn.start();
  const Instant sent = lab.clock.now();
  a->send(reborn.public_key);
  lab.run(14900ms);
  CHECK(reborn.messages.empty());
  CHECK(reborn.drops.of(XM_DROP_unknown_index) == 1);
  lab.run(500ms);  // 15 s after the first unanswered packet
  CHECK(reborn.messages.size() == 1);
  CHECK(reborn.keepalives_received == 1);
  CHECK(lab.clock.now() - sent < 16s);
  a->send(reborn.public_key);
  lab.run(10ms);
  CHECK(reborn.data_received == 1);
}

TEST_CASE("handshake: with a peer that is known to have crashed it happens at once") {
  Lab lab;
  auto [a, b] = lab.make_pair();
  const auto renew = [&a = a, &b = b] {
    a->engine.renew_session(a->engine.find_id(b->public_key).value(), a->at());
    a->settle();
  };
  renew();
  CHECK(a->messages.empty());  // there was no session

  a->send(b->public_key);
  lab.run(6s);
  CHECK(a->messages.size() == 1);
  renew();
  lab.run(100ms);
  CHECK(a->messages.size() == 2);
  CHECK(b->messages.size() == 2);
  a->send(b->public_key);
  lab.run(100ms);
  CHECK(b->data_received == 2);
}

TEST_CASE("handshake: an initiator that crashed is heard at once") {
  Lab lab;
  auto [a, b] = lab.make_pair();
  a->send(b->public_key);
  lab.run(10s);
  a->stop();  // forgets every session
  a->engine.set_interface_up(true, a->at());
  a->send(b->public_key);
  lab.run(10ms);
  CHECK(b->data_received == 2);
  b->send(a->public_key);
  lab.run(10ms);
  CHECK(a->data_received == 1);
}

TEST_CASE("handshake: roaming follows authentic handshakes and data, and nothing else") {
  Lab lab;
  auto [a, b] = lab.make_pair();
  a->send(b->public_key);
  lab.run(1s);
  a->address = test::endpoint("198.51.100.7:7777");
  a->send(b->public_key);
  lab.run(10ms);
  CHECK(b->view(a->public_key).endpoint == a->address);
  CHECK(b->engine.route(b->peer(a->public_key)->id).local == b->address.address);
  CHECK(b->engine.route(b->peer(a->public_key)->id).interface_index == 2);
  const unsigned changes = b->path_changes;
  a->send(b->public_key);
  lab.run(10ms);
  CHECK(b->path_changes == changes);  // the same again is no change
  b->send(a->public_key);
  lab.run(10ms);
  CHECK(a->data_received == 1);

  LabDatagram forged = junk(*b, 1, kInitiationSize);
  b->receive(forged);
  CHECK(b->view(a->public_key).endpoint == a->address);

  b->engine.clear_sources();
  b->settle();
  CHECK(b->engine.route(b->peer(a->public_key)->id).local == IpAddress{});
  CHECK(b->view(a->public_key).endpoint == a->address);
  CHECK(b->path_changes == changes + 1);
}

TEST_CASE("handshake: the sticky source goes with the first retransmit") {
  Lab lab;
  auto [a, b] = lab.make_pair();
  a->send(b->public_key);
  lab.run(1s);
  const PeerId id = a->peer(b->public_key)->id;
  CHECK(a->engine.route(id).local == a->address.address);
  lab.run(180s);  // the session dies
  lab.filter = [](const LabDatagram&) { return false; };
  a->send(b->public_key);
  CHECK(a->messages.back().route.local == a->address.address);
  lab.run(6s);
  CHECK(a->messages.back().route.local == IpAddress{});
  CHECK(a->engine.route(id).local == IpAddress{});
  CHECK(a->engine.route(id).remote == b->address);
}

TEST_CASE("handshake: junk of every kind is silence and a count") {
  Lab lab;
  auto [a, b] = lab.make_pair();
  (void)a;
  b->receive(junk(*b, 1, kInitiationSize));
  b->receive(junk(*b, 2, kResponseSize));
  CHECK(b->drops.of(XM_DROP_handshake_bad_mac1) == 2);
  b->receive(junk(*b, 3, kCookieReplySize));
  CHECK(b->drops.of(XM_DROP_handshake_unexpected) == 1);
  for (const std::size_t length : {std::size_t{0}, std::size_t{4}, kInitiationSize - 1}) {
    b->engine.on_handshake(std::vector<std::uint8_t>(length, 1), {}, {}, b->at());
  }
  CHECK(b->drops.of(XM_DROP_malformed) == 3);
  b->settle();
  CHECK(b->messages.empty());
  CHECK(b->engine.sessions().size() == 0);
}

TEST_CASE("handshake: a stranger with our public key gets no answer") {
  Lab lab;
  auto [a, b] = lab.make_pair();
  Station& stranger = lab.add_station("203.0.113.5:5");
  Lab::introduce(stranger, *b);
  stranger.start();
  stranger.send(b->public_key);
  lab.run(1s);
  CHECK(b->drops.of(XM_DROP_handshake_unknown_peer) == 1);
  CHECK(b->messages.empty());

  // A bit off the ciphertext, with a mac1 that fits: what says who it is, or the timestamp.
  for (const std::size_t at : {std::size_t{50}, std::size_t{95}}) {
    lab.taken.clear();
    lab.filter = [](const LabDatagram&) { return false; };
    a->stop();
    a->engine.set_interface_up(true, a->at());
    a->send(b->public_key);
    lab.run(1ms);
    std::vector<std::uint8_t> bytes = lab.taken.at(0).handshake;
    bytes[at] ^= 1;
    MessageInitiation message;
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<std::uint8_t*>(&message));
    CookieJar(b->public_key).sign(message, lab.clock.now());
    const auto* raw = reinterpret_cast<const std::uint8_t*>(&message);
    b->receive({a->address, b->address, {}, {raw, raw + sizeof message}, nullptr});
  }
  CHECK(b->drops.of(XM_DROP_handshake_invalid) == 2);
  CHECK(b->messages.empty());
}

TEST_CASE("handshake: under load the answer is a cookie, with it the handshake completes") {
  Lab lab;
  auto [a, b] = lab.make_pair();
  lab.queue = {128, 1024};  // both are told so: responses need a cookie as well
  a->send(b->public_key);
  lab.run(100ms);
  CHECK(b->drops.of(XM_DROP_handshake_no_cookie) == 1);
  REQUIRE(b->messages.size() == 1);
  CHECK(b->messages[0].length == kCookieReplySize);
  CHECK(b->messages[0].peer == 0);
  CHECK(b->messages[0].tos == 0);
  CHECK(b->messages[0].route.remote == a->address);
  CHECK(b->engine.sessions().size() == 0);  // no state for it
  CHECK(b->data_received == 0);
  lab.run(11s);  // first the initiation with a cookie; its response lacks one; then all have one
  CHECK(b->data_received == 1);
  CHECK(a->drops.of(XM_DROP_handshake_no_cookie) == 1);
  CHECK(a->drops.of(XM_DROP_handshake_unexpected) == 0);
  CHECK(b->drops.of(XM_DROP_handshake_unexpected) == 0);
}

TEST_CASE("handshake: load lasts a second; a cookie reply never moves an endpoint") {
  Lab lab;
  auto [a, b] = lab.make_pair();
  a->send(b->public_key);
  std::vector<LabDatagram> sent = std::exchange(a->outbox, {});
  REQUIRE(sent.size() == 1);
  b->receive(sent[0], {128, 1024});
  REQUIRE(b->outbox.size() == 1);
  LabDatagram cookie = std::exchange(b->outbox, {})[0];
  cookie.from = test::endpoint("203.0.113.200:2");
  const Endpoint before = a->view(b->public_key).endpoint;
  a->receive(cookie);
  CHECK(a->drops.of(XM_DROP_handshake_unexpected) == 0);  // taken
  CHECK(a->view(b->public_key).endpoint == before);
  a->receive(cookie);
  CHECK(a->drops.of(XM_DROP_handshake_unexpected) == 1);  // once
  CHECK(a->outbox.empty());

  lab.clock.advance(500ms);
  b->receive(sent[0]);
  CHECK(b->drops.of(XM_DROP_handshake_no_cookie) == 2);  // still under load
  lab.clock.advance(600ms);
  b->outbox.clear();
  b->receive(sent[0]);
  CHECK(b->drops.of(XM_DROP_handshake_no_cookie) == 2);
  CHECK(b->messages.back().length == kResponseSize);
}

TEST_CASE("handshake: under load an address is limited to 20 a second") {
  Lab lab;
  auto [a, b] = lab.make_pair();
  // An initiation with a cookie in it, repeated: only the limiter stands before its decryption.
  lab.queue = {1024, 1024};
  lab.filter = [](const LabDatagram& d) { return d.type() != MessageType::response; };
  a->send(b->public_key);
  lab.run(5400ms);
  REQUIRE(a->messages.size() == 2);
  const Bytes bytes = a->messages[1].message();
  const LabDatagram again{a->address, b->address, {}, {bytes.begin(), bytes.end()}, nullptr};
  const std::uint64_t replayed = b->drops.of(XM_DROP_handshake_replayed);
  for (unsigned i = 0; i < 100; ++i) b->receive(again, lab.queue);
  const std::uint64_t let_through = b->drops.of(XM_DROP_handshake_replayed) - replayed;
  CHECK(let_through >= 4);
  CHECK(let_through <= 6);
  CHECK(b->drops.of(XM_DROP_handshake_rate_limited) == 100 - let_through);
}

TEST_CASE("handshake: a flood of strangers' initiations leaves no state") {
  Lab lab;
  auto [a, b] = lab.make_pair();
  (void)a;
  const std::size_t actions = b->messages.size();
  for (unsigned i = 0; i < 10'000; ++i) b->receive(junk(*b, 1, kInitiationSize), {1024, 1024});
  CHECK(b->messages.size() == actions);
  CHECK(b->drops.of(XM_DROP_handshake_bad_mac1) == 10'000);
  CHECK(b->engine.sessions().size() == 0);
}

}  // namespace
}  // namespace xm
