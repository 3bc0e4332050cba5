// Engines that talk to each other in one thread under virtual time.
//
// A Station is an Engine with the least of a node around it: it carries out actions, and stands in
// for the packet path. Its data packets are not encrypted; they carry the key instead, which the
// receiver compares with its own. The Lab is the network: it delivers after a fixed latency, unless
// the filter takes the datagram away.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/crypto/x25519.hpp"
#include "agent/peer/engine.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/seeded_random.hpp"

namespace xm::test {

inline Endpoint endpoint(std::string_view text) {
  return Endpoint::parse(text).value();
}

struct LabData {
  std::uint32_t receiver_index = 0;
  std::uint64_t counter = 0;
  Key key;
  bool is_keepalive = false;
};

struct LabDatagram {
  Endpoint from;
  Endpoint to;
  Instant arrives;
  std::vector<std::uint8_t> handshake;  // empty: `data`
  std::shared_ptr<LabData> data;

  [[nodiscard]] MessageType type() const {
    return handshake.empty() ? MessageType::data : message_type(handshake).value();
  }
  [[nodiscard]] bool is_keepalive() const { return data != nullptr && data->is_keepalive; }
};

class Station {
 public:
  Station(ManualClock& clock, std::uint64_t seed, const Endpoint& where)
      : address(where), random(seed), engine(grace, random, drops), clock_(clock) {
    const Key key = generate_private_key(random);
    public_key = xm::public_key(key);
    private_key = key.clone();
  }

  [[nodiscard]] Moment at() const { return {clock_.now(), clock_.wall()}; }

  // Applies one change of one peer, or of the private key.
  void set_private_key(Key key) {
    InterfaceChange change;
    change.private_key = std::move(key);
    apply(std::move(change));
  }
  void set_peer(PeerChange peer) {
    InterfaceChange change;
    change.peers.push_back(std::move(peer));
    apply(std::move(change));
  }
  void apply(InterfaceChange change) {
    if (!engine.apply(std::move(change), at())) ++failures;
    settle();
  }
  void start() {
    set_private_key(private_key.clone());
    engine.set_interface_up(true, at());
    settle();
  }
  void stop() {
    engine.set_interface_up(false, at());
    settle();
  }

  [[nodiscard]] Peer* peer(const PublicKey& key) const {
    const InterfaceView view = engine.view();
    std::size_t place = 0;
    while (place < view.peers.size() && view.peers[place].public_key != key) ++place;
    Peer* found = nullptr;
    engine.for_each_peer([&](Peer& candidate) {
      if (place-- == 0) found = &candidate;
    });
    return found;
  }
  [[nodiscard]] PeerView view(const PublicKey& key) const {
    InterfaceView all = engine.view();
    for (PeerView& peer : all.peers) {
      if (peer.public_key == key) return std::move(peer);
    }
    return {};
  }

  // What the packet path does with one packet for the peer.
  void send(const PublicKey& key) { send(*peer(key)); }
  void send(Peer& to) {
    PeerSession* const session = to.sending.load();
    if (session == nullptr || session->is_expired(at().now)) {
      engine.stage(to.id, std::vector<std::uint8_t>(40), at());
    } else {
      transmit(to, *session, false);
    }
    settle();
  }
  void receive(const LabDatagram& datagram, HandshakeQueue queue = {}) {
    const Source source{datagram.from, address.address, 2, 0};
    if (datagram.handshake.empty()) {
      receive_data(*datagram.data, source);
    } else {
      engine.on_handshake(datagram.handshake, source, queue, at());
    }
    settle();
  }
  void post(const PeerEvent& event) {
    engine.on_event(event, at());
    settle();
  }
  void run_timers() {
    engine.on_timers(at());
    settle();
  }
  // Carries out what the engine wants.
  void settle() {
    for (Action& action : engine.take_actions()) {
      std::visit([&](auto& wanted) { carry_out(wanted); }, action);
    }
  }

  Endpoint address;  // changes when the station moves
  PublicKey public_key{};
  Key private_key;
  std::vector<LabDatagram> outbox;
  // What came through, for the tests to look at.
  unsigned data_received = 0;
  unsigned keepalives_received = 0;
  unsigned path_changes = 0;
  unsigned peers_removed = 0;
  unsigned endpoints_wanted = 0;
  unsigned failures = 0;
  std::vector<SendMessage> messages;  // all handshake messages sent

  Grace grace{0};
  SeededRandom random;
  DropCounters drops;
  Engine engine;

 private:
  void carry_out(const SendMessage& send) {
    messages.push_back(send);
    const Bytes bytes = send.message();
    outbox.push_back({address, send.route.remote, {}, {bytes.begin(), bytes.end()}, nullptr});
  }
  void carry_out(const SendKeepalive& keepalive) {
    Peer& to = *engine.find_peer(keepalive.peer);
    if (PeerSession* const session = to.sending.load()) transmit(to, *session, true);
  }
  void carry_out(const FlushStaged& flush) {
    Peer& to = *engine.find_peer(flush.peer);
    for (std::size_t left = engine.take_staged(flush.peer).size(); left > 0; --left) {
      transmit(to, *to.sending.load(), false);
    }
  }
  void carry_out(const PathChanged&) { ++path_changes; }
  void carry_out(const PeerRemoved&) { ++peers_removed; }
  void carry_out(const EndpointWanted&) { ++endpoints_wanted; }

  void transmit(Peer& to, PeerSession& session, bool is_keepalive) {
    auto data = std::make_shared<LabData>();
    data->receiver_index = session.remote_index();
    data->counter = session.take_counters(1).value();
    data->key = session.send_key().clone();
    data->is_keepalive = is_keepalive;
    outbox.push_back({address, engine.route(to.id).remote, {}, {}, std::move(data)});
    if (is_keepalive) {
      to.activity.sent(at().now);
    } else if (to.activity.data_sent(at().now)) {
      engine.on_event({to.id, PeerEventKind::arm_timers, 0, {}}, at());
    }
    if (session.wants_rekey_on_send(at().now)) ask_for_handshake(to);
  }
  void receive_data(const LabData& data, const Source& source) {
    PeerSession* const session = engine.sessions().find(data.receiver_index);
    if (session == nullptr) return drops.count(XM_DROP_unknown_index);
    if (session->is_expired(at().now)) return drops.count(XM_DROP_session_expired);
    if (!(session->receive_key() == data.key)) return drops.count(XM_DROP_bad_tag);
    if (session->replay.accept(data.counter) != ReplayVerdict::fresh) {
      return drops.count(XM_DROP_counter_replayed);
    }
    Peer& from = session->peer;
    ++(data.is_keepalive ? keepalives_received : data_received);
    if (data.is_keepalive) {
      from.activity.received(at().now);
    } else if (from.activity.data_received(at().now)) {
      engine.on_event({from.id, PeerEventKind::arm_timers, 0, {}}, at());
    }
    engine.on_event({from.id, PeerEventKind::endpoint_moved, 0, source}, at());
    if (session->confirm()) {
      engine.on_event({from.id, PeerEventKind::session_confirmed, data.receiver_index, {}}, at());
    }
    if (session->wants_rekey_on_receive(at().now)) ask_for_handshake(from);
  }
  void ask_for_handshake(Peer& of) {
    if (of.activity.handshake_wanted.exchange(true)) return;
    engine.on_event({of.id, PeerEventKind::want_handshake, 0, {}}, at());
  }

  ManualClock& clock_;
};

class Lab {
 public:
  // True: the datagram is delivered.
  using Filter = std::function<bool(const LabDatagram&)>;

  Station& add_station(const std::string& address) {
    stations.push_back(
        std::make_unique<Station>(clock, stations.size() + 1, test::endpoint(address)));
    return *stations.back();
  }

  // Two stations that know each other's key and endpoint, up.
  std::pair<Station*, Station*> make_pair() {
    Station& a = add_station("192.0.2.1:1000");
    Station& b = add_station("192.0.2.2:2000");
    introduce(a, b);
    introduce(b, a);
    a.start();
    b.start();
    return {&a, &b};
  }
  static void introduce(Station& to, const Station& other, bool with_endpoint = true) {
    PeerChange change;
    change.public_key = other.public_key;
    if (with_endpoint) change.endpoint = other.address;
    to.set_peer(std::move(change));
  }

  // Lets time pass; everything that becomes due happens in its order.
  void run(Duration time) { run_until(clock.now() + time); }
  void run_until(Instant end) {
    for (;;) {
      collect();
      const Instant next = next_event();
      if (next > end) break;
      clock.advance_to(std::max(next, clock.now()));
      deliver_due();
      for (const auto& station : stations) {
        if (station->engine.next_deadline() <= clock.now()) station->run_timers();
      }
    }
    clock.advance_to(end);
  }

  // Datagrams on their way, and those that the filter took.
  std::vector<LabDatagram> in_flight;
  std::vector<LabDatagram> taken;
  Filter filter = [](const LabDatagram&) { return true; };
  HandshakeQueue queue;  // what every station is told of its queue
  Duration latency = 1ms;
  ManualClock clock;
  std::vector<std::unique_ptr<Station>> stations;

  void deliver(const LabDatagram& datagram) {
    for (const auto& station : stations) {
      if (station->address == datagram.to) station->receive(datagram, queue);
    }
  }

 private:
  void collect() {
    for (const auto& station : stations) {
      for (LabDatagram& datagram : std::exchange(station->outbox, {})) {
        datagram.arrives = clock.now() + latency;
        (filter(datagram) ? in_flight : taken).push_back(std::move(datagram));
      }
    }
  }
  [[nodiscard]] Instant next_event() const {
    Instant next = in_flight.empty() ? kFarFuture : in_flight.front().arrives;
    for (const auto& station : stations) {
      next = std::min(next, station->engine.next_deadline());
    }
    return next;
  }
  void deliver_due() {
    while (!in_flight.empty() && in_flight.front().arrives <= clock.now()) {
      const LabDatagram datagram = std::move(in_flight.front());
      in_flight.erase(in_flight.begin());
      deliver(datagram);
    }
  }
};

}  // namespace xm::test
