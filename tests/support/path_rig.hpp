// One side of an established tunnel without an engine: tables with one peer and one session, the
// walks over fake edges. Two of them, made with the keys the other way round, talk to each other.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "agent/path/rx.hpp"
#include "agent/path/tx.hpp"
#include "tests/support/fake_tun.hpp"
#include "tests/support/fake_udp.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/seeded_random.hpp"

namespace xm::test {

class PathRig {
 public:
  struct Side {
    const char* address;    // of the socket
    const char* remote;     // the peer's socket
    const char* allowed;    // the peer's allowed IPs
    std::uint8_t send_key;  // all its bytes
    std::uint8_t receive_key;
    bool is_initiator;
    bool takes_mesh = false;
  };

  PathRig(ManualClock& clock, FakeNetwork& network, const Side& side)
      : socket(network, Endpoint::parse(side.address).value()),
        peer(1),
        clock_(clock),
        sessions_(grace_),
        context_{.allowed_ips = allowed_ips_,
                 .sessions = sessions_,
                 .grace = grace_,
                 .clock = clock,
                 .mtu = mtu,
                 .tun = {true, true, true, true, true, true},
                 .takes_mesh = side.takes_mesh,
                 .own_addresses = &own_addresses},
        aead_(std::move(make_aead_engine(AeadKind::libsodium).value())),
        thread_{0, *aead_, port, counters},
        rx(context_, thread_, tun, buffers_),
        tx(context_, thread_) {
    TransportKeys keys;
    keys.send.expose_mutable()[0] = side.send_key;
    keys.receive.expose_mutable()[0] = side.receive_key;
    SeededRandom random(7);  // the same on both sides: so is the index
    keys.local_index = keys.remote_index = sessions_.reserve(random, peer.id);
    keys.is_initiator = side.is_initiator;
    session = std::make_unique<PeerSession>(std::move(keys), clock.now(), peer);
    sessions_.publish(session->local_index(), session.get());
    peer.sending.exchange(session.get());
    auto path = std::make_unique<SendPath>();
    path->remote = Endpoint::parse(side.remote).value();
    path->local = socket.local().address;
    path->interface_index = 1;
    path->socket = &socket;
    path->listeners.v4 = &socket;
    peer.path.exchange(path.release());
    const AllowedIp allowed{Prefix::parse(side.allowed).value(), &peer};
    table_ = std::make_unique<const AllowedIps>(std::span(&allowed, 1));
    allowed_ips_.exchange(table_.get());
  }
  ~PathRig() {
    sessions_.release(session->local_index());
    forget_path();
  }
  void forget_path() { delete peer.path.exchange(nullptr); }

  [[nodiscard]] std::uint64_t drops(xm_drop reason) const { return counters.drops.of(reason); }
  [[nodiscard]] std::vector<PeerEvent> take_events() {
    std::vector<PeerEvent> events;
    for (PeerEvent event; port.take(event);) events.push_back(event);
    return events;
  }
  [[nodiscard]] bool raised(PeerEventKind kind) {
    for (const PeerEvent& event : take_events()) {
      if (event.kind == kind) return true;
    }
    return false;
  }

  FakeTun tun;
  FakeUdpSocket socket;
  Peer peer;
  PathCounters counters;
  std::atomic<std::uint32_t> mtu{1420};
  Published<const std::vector<IpAddress>> own_addresses;  // the case's to fill and to empty
  ControlPort port{[] {}};
  std::unique_ptr<PeerSession> session;

 private:
  ManualClock& clock_;
  Grace grace_{1};
  IndexTable sessions_;
  Published<const AllowedIps> allowed_ips_;
  std::unique_ptr<const AllowedIps> table_;
  PathContext context_;
  std::unique_ptr<AeadEngine> aead_;
  PathThread thread_;
  FakeReceiveBuffers buffers_;

 public:
  Rx rx;
  Tx tx;
};

inline constexpr PathRig::Side kLeft{"192.0.2.1:1", "192.0.2.2:2", "10.0.0.2/32", 1, 2, true};
inline constexpr PathRig::Side kRight{"192.0.2.2:2", "192.0.2.1:1", "10.0.0.1/32", 2, 1, false};

}  // namespace xm::test
