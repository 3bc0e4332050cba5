// Two nodes with real worker threads and real UDP sockets, on the loopback of a namespace of the
// test's own; only the TUN device is a socket pair. Meant for the thread sanitizer: packets flow
// while ports, paths and peers change under them.
#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <thread>

#include "agent/crypto/x25519.hpp"
#include "agent/io/io_choice.hpp"
#include "agent/io/udp_listeners.hpp"
#include "agent/node_core.hpp"
#include "agent/node_sockets.hpp"
#include "agent/path/worker.hpp"
#include "tests/support/packet_builder.hpp"
#include "tests/support/pair_tun.hpp"
#include "tests/unit/io/own_namespace.hpp"

namespace xm::test {
namespace {

class ThreadedNode {
 public:
  explicit ThreadedNode(const IoChoice& io_choice)
      : engine(grace_, random_, counters_.drops),
        context_{.allowed_ips = engine.allowed_ips(),
                 .sessions = engine.sessions(),
                 .grace = grace_,
                 .clock = clock_,
                 .mtu = mtu_,
                 .tun = {}},
        aead_(std::move(make_aead_engine(AeadKind::libsodium).value())),
        port_([] {}),
        tx_(context_, {kWorkers, *aead_, port_, counters_}) {
    std::vector<Worker*> workers;
    std::vector<ControlPort*> ports{&port_};
    for (std::size_t id = 0; id < kWorkers; ++id) {
      auto io = make_path_io(io_choice, tun[id], true);
      REQUIRE_MESSAGE(io.ok(), io.error().what);
      auto worker =
          Worker::create(context_,
                         {.id = id,
                          .aead = std::move(make_aead_engine(AeadKind::libsodium).value()),
                          .buffers = std::make_unique<UdpReceiveBuffers>(),
                          .io = std::move(*io),
                          .reads_tun = true},
                         [] {});
      REQUIRE(worker.ok());
      workers.push_back(worker->get());
      ports.push_back(&(*worker)->port());
      workers_.push_back(std::move(*worker));
    }
    sockets = std::make_unique<NodeSockets>(grace_, syscalls_, workers);
    core = std::make_unique<NodeCore>(engine, *sockets, grace_, tx_, counters_, ports);
    for (const auto& worker : workers_) worker->start();

    Key private_key = generate_private_key(random_);
    key = public_key(private_key);
    InterfaceChange change;
    change.private_key = std::move(private_key);
    REQUIRE(engine.apply(std::move(change), at()).ok());
    REQUIRE(sockets->open(0, {}).ok());
    engine.set_interface_up(true, at());
    core->carry_out(at());
  }
  ~ThreadedNode() {
    for (const auto& worker : workers_) worker->stop();
  }

  [[nodiscard]] Moment at() const { return {clock_.now(), clock_.wall()}; }
  void turn() {
    core->turn(at());
    (void)sockets->reap();
  }
  void set_peer(const ThreadedNode& other, const char* allowed, bool remove = false) {
    InterfaceChange change;
    PeerChange peer;
    peer.public_key = other.key;
    peer.remove = remove;
    peer.add_allowed_ips.push_back(Prefix::parse(allowed).value());
    peer.endpoint =
        Endpoint{IpAddress::parse("127.0.0.1").value(), other.sockets->listeners()->port(), 0};
    change.peers.push_back(std::move(peer));
    CHECK(engine.apply(std::move(change), at()).ok());
    core->carry_out(at());
  }
  std::size_t take_all() {
    std::size_t count = 0;
    for (PairTun& queue : tun) count += queue.take_all();
    return count;
  }
  PeerId only_peer() const {
    PeerId found = 0;
    engine.for_each_peer([&](const Peer& peer) { found = peer.id; });
    return found;
  }

  static constexpr std::size_t kWorkers = 2;
  std::array<PairTun, kWorkers> tun;
  PublicKey key{};

 private:
  SystemClock clock_;
  SystemRandom random_;
  KernelSyscalls syscalls_;
  std::atomic<std::uint32_t> mtu_{1420};
  Grace grace_{kWorkers + 1};
  PathCounters counters_;

 public:
  Engine engine;

 private:
  PathContext context_;
  std::unique_ptr<AeadEngine> aead_;
  ControlPort port_;
  Tx tx_;
  std::vector<std::unique_ptr<Worker>> workers_;

 public:
  std::unique_ptr<NodeSockets> sockets;
  std::unique_ptr<NodeCore> core;
};

Packet udp_packet(bool from_a) {
  PacketSpec spec;
  spec.protocol = 17;
  spec.source = from_a ? "10.0.0.1" : "10.0.0.2";
  spec.destination = from_a ? "10.0.0.2" : "10.0.0.1";
  spec.payload.assign(100, 7);
  return build_packet(spec);
}

// Offers packets on every queue of both nodes and turns both control loops until `wanted` more have
// arrived at each; false after ten thousand rounds.
bool exchange(ThreadedNode& a, ThreadedNode& b, std::size_t wanted) {
  const Packet from_a = udp_packet(true);
  const Packet from_b = udp_packet(false);
  std::size_t at_a = 0;
  std::size_t at_b = 0;
  for (int round = 0; round < 10'000; ++round) {
    for (std::size_t queue = 0; queue < ThreadedNode::kWorkers; ++queue) {
      (void)a.tun[queue].push(from_a);
      (void)b.tun[queue].push(from_b);
    }
    a.turn();
    b.turn();
    at_a += a.take_all();
    at_b += b.take_all();
    if (at_a >= wanted && at_b >= wanted) return true;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  return false;
}

// Runs `body` with each kind of I/O that can be had here, in a namespace of its own.
void with_every_io(const std::function<void(const IoChoice&)>& body) {
  for (const IoRequest& request :
       {IoRequest{IoRequest::Kind::syscall, false}, IoRequest{IoRequest::Kind::uring, false},
        IoRequest{IoRequest::Kind::uring, true}}) {
    const Result<IoChoice> choice = choose_io(request);
    if (!choice) {
      MESSAGE(choice.error().what);
      continue;
    }
    CAPTURE(io_description(choice.value()));
    in_own_namespace([&] { body(choice.value()); });
  }
}

TEST_CASE("threads: packets flow on all workers, over the listener and over a connected socket") {
  XM_NEEDS_NAMESPACES();
  with_every_io([](const IoChoice& io) {
    ThreadedNode a(io);
    ThreadedNode b(io);
    a.set_peer(b, "10.0.0.2/32");
    b.set_peer(a, "10.0.0.1/32");
    CHECK(exchange(a, b, 200));
    for (ThreadedNode* const node : {&a, &b}) {
      const PeerId peer = node->only_peer();
      REQUIRE(node->sockets->connect(peer, node->engine.route(peer)));
      node->core->publish_path(peer);
    }
    CHECK(exchange(a, b, 200));
    for (ThreadedNode* const node : {&a, &b}) {
      node->sockets->disconnect(node->only_peer());
      node->core->publish_path(node->only_peer());
    }
    CHECK(exchange(a, b, 200));
  });
}

TEST_CASE("threads: the port changes, peers go and come, while packets flow") {
  XM_NEEDS_NAMESPACES();
  with_every_io([](const IoChoice& io) {
    ThreadedNode a(io);
    ThreadedNode b(io);
    a.set_peer(b, "10.0.0.2/32");
    b.set_peer(a, "10.0.0.1/32");
    for (int round = 0; round < 4; ++round) {
      CHECK(exchange(a, b, 50));
      REQUIRE(a.sockets->open(0, {}).ok());
      a.engine.clear_sources();
      a.core->publish_all_paths();
      CHECK(exchange(a, b, 50));
      b.set_peer(a, "10.0.0.1/32", true);
      b.set_peer(a, "10.0.0.1/32");
      a.set_peer(b, "10.0.0.2/32", true);
      a.set_peer(b, "10.0.0.2/32");
    }
    CHECK(exchange(a, b, 50));
  });
}

TEST_CASE("threads: a port that was just closed can be opened again") {
  XM_NEEDS_NAMESPACES();
  with_every_io([](const IoChoice& io) {
    ThreadedNode a(io);
    ThreadedNode b(io);
    a.set_peer(b, "10.0.0.2/32");
    b.set_peer(a, "10.0.0.1/32");
    CHECK(exchange(a, b, 50));
    const std::uint16_t port = a.sockets->listeners()->port();
    for (int round = 0; round < 5; ++round) {
      a.sockets->close();
      a.core->publish_all_paths();
      REQUIRE(a.sockets->open(port, {}).ok());
      a.core->publish_all_paths();
      CHECK(exchange(a, b, 20));
    }
  });
}

}  // namespace
}  // namespace xm::test
