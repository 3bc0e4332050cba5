// A whole node in one thread over a fake TUN queue and a fake socket: the real walks, engine and
// core, stepped by the test under a ManualClock.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/crypto/x25519.hpp"
#include "agent/node_core.hpp"
#include "agent/path/rx.hpp"
#include "agent/path/tx.hpp"
#include "tests/support/fake_tun.hpp"
#include "tests/support/fake_udp.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/seeded_random.hpp"

namespace xm::test {

class PathNode final : public PathMaker {
 public:
  PathNode(ManualClock& clock, FakeNetwork& network, const Endpoint& address, std::uint64_t seed,
           TunCapabilities tun_capabilities = {true, true, true, true, true, true},
           bool takes_mesh = false)
      : socket(network, address),
        clock_(clock),
        random_(seed),
        engine(grace_, random_, counters.drops),
        context_{.allowed_ips = engine.allowed_ips(),
                 .sessions = engine.sessions(),
                 .grace = grace_,
                 .clock = clock_,
                 .mtu = mtu_,
                 .tun = tun_capabilities,
                 .takes_mesh = takes_mesh},
        aead_(std::move(make_aead_engine(AeadKind::libsodium).value())),
        thread_{0, *aead_, worker_port_, counters},
        rx_(context_, thread_, tun, buffers_),
        tx_(context_, thread_),
        control_tx_(context_, {1, *aead_, control_port_, counters}),
        core(engine, *this, grace_, control_tx_, counters, {&worker_port_, &control_port_}) {
    private_key_ = generate_private_key(random_);
    key = public_key(private_key_);
    InterfaceChange change;
    change.private_key = private_key_.clone();
    (void)engine.apply(std::move(change), at());
    engine.set_interface_up(true, at());
    core.carry_out(at());
  }

  [[nodiscard]] Moment at() const { return {clock_.now(), clock_.wall()}; }

  void add_peer(const PathNode& other, std::string_view allowed, bool with_endpoint = true) {
    InterfaceChange change;
    PeerChange peer;
    peer.public_key = other.key;
    peer.add_allowed_ips.push_back(Prefix::parse(allowed).value());
    if (with_endpoint) peer.endpoint = other.socket.local();
    change.peers.push_back(std::move(peer));
    (void)engine.apply(std::move(change), at());
    core.carry_out(at());
  }

  // One turn of the worker and of the control thread. True when a packet moved.
  bool turn() {
    bool moved = false;
    for (;;) {
      const std::size_t read = tx_.run(tun).packets;
      const std::size_t received = rx_.run(socket);
      if (read == 0 && received == 0) break;
      moved = true;
    }
    (void)core.turn(at());
    return moved;
  }

  [[nodiscard]] std::unique_ptr<const SendPath> make_path(PeerId /*peer*/,
                                                          const PeerRoute& route) override {
    if (!route.is_set()) return nullptr;
    auto path = std::make_unique<SendPath>();
    path->remote = route.remote;
    path->local = route.local;
    path->interface_index = route.interface_index;
    path->socket = &socket;
    return path;
  }
  [[nodiscard]] DatagramSocket* listener_for(const PeerRoute& /*route*/) override {
    return &socket;
  }
  void forget(PeerId /*peer*/) override {}

  [[nodiscard]] Random& random() { return random_; }
  [[nodiscard]] std::uint64_t drops(xm_drop reason) const { return counters.drops.of(reason); }

  FakeTun tun;
  FakeUdpSocket socket;
  PublicKey key{};
  PathCounters counters;

 private:
  ManualClock& clock_;
  SeededRandom random_;
  Key private_key_;
  std::atomic<std::uint32_t> mtu_{1420};
  Grace grace_{2};

 public:
  Engine engine;

 private:
  PathContext context_;
  std::unique_ptr<AeadEngine> aead_;
  ControlPort worker_port_{[] {}};
  ControlPort control_port_{[] {}};
  PathThread thread_;
  FakeReceiveBuffers buffers_;
  Rx rx_;
  Tx tx_;
  Tx control_tx_;

 public:
  NodeCore core;
};

}  // namespace xm::test
