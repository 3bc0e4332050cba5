// Nodes of a mesh with their files, over a fake network, TUN queues and kernel.
#pragma once

#include <doctest/doctest.h>
#include <poll.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/node_mesh.hpp"
#include "tests/support/fake_kernel_network.hpp"
#include "tests/support/packet_builder.hpp"
#include "tests/support/path_node.hpp"
#include "tests/support/temporary_directory.hpp"
#include "xdpmesh/log.hpp"

namespace xm::test {

inline constexpr TunCapabilities kMeshTun{true, true, true, true, true, true};

// A node with its files, walks and engine, over a fake network, TUN queue and kernel.
struct MeshNode {
  MeshNode(ManualClock& clock, FakeNetwork& network, const std::string& address, std::uint64_t seed)
      : path(clock, network, Endpoint::parse(address).value(), seed, kMeshTun, true),
        keys(directory.path()) {
    const SigningKey key = generate_signing_key(path.random());
    identity = Identity::of(key);
    REQUIRE(keys.put_key(KeyKind::node, key));
  }

  void trust(const MeshNode& other, Grants grants = {}) const {
    REQUIRE(keys.put_trust({.kind = KeyKind::node,
                            .key = other.identity.key,
                            .label = "other",
                            .grants = std::move(grants)}));
  }
  void configure(const std::string& text) {
    has_seeds = text.find("seeds = [\"") != std::string::npos;
    std::ofstream(directory / "wg0.toml") << text;
  }
  void start() {
    auto setup = load_mesh_setup({"wg0", directory.path(), directory / "state/wg0"});
    REQUIRE_MESSAGE(setup.ok(), (setup.ok() ? "" : setup.error().what));
    auto kernel_network = std::make_unique<FakeKernelNetwork>();
    kernel = kernel_network.get();
    kernel->on_default = [this](bool is_there) {
      order.emplace_back(is_there ? "default route there" : "default route gone");
    };
    auto started = NodeMesh::start(std::move(*setup),
                                   {.engine = path.engine,
                                    .core = path.core,
                                    .random = path.random(),
                                    .network = std::move(kernel_network),
                                    .set_mark = [this](auto wanted) { return set_mark(wanted); }},
                                   path.at());
    REQUIRE_MESSAGE(started.ok(), (started.ok() ? "" : started.error().what));
    mesh = std::move(*started);
    mesh->network_changed(path.socket.local().port, path.at());
    if (!has_seeds) return;
    // Literal addresses come back from the look-up's thread too.
    pollfd names{mesh->names_fd(), POLLIN, 0};
    REQUIRE(poll(&names, 1, 5'000) == 1);
    mesh->read_names(path.at());
  }
  void turn() {
    (void)path.turn();
    mesh->read_files(path.at());
    mesh->tend(path.at());
  }
  // What the sockets would do.
  [[nodiscard]] Status set_mark(std::uint32_t wanted) {
    if (refuses_mark) return Error{"cannot set the mark", EPERM};
    if (wanted != mark) order.emplace_back(wanted != 0 ? "mark on" : "mark off");
    mark = wanted;
    return {};
  }
  [[nodiscard]] MeshStatus status() { return mesh->status(path.at()); }
  [[nodiscard]] bool has_peer(const MeshNode& other) const {
    return path.engine.find_id(other.identity.wireguard_key().value()).has_value();
  }
  [[nodiscard]] IpAddress inner() const {
    return *std::find_if(kernel->addresses.begin(), kernel->addresses.end(),
                         [](const IpAddress& address) { return address.is_v4(); });
  }

  test::TemporaryDirectory directory;
  PathNode path;
  KeyDirectory keys;
  Identity identity;
  bool has_seeds = false;
  std::uint32_t mark = 0;  // of the sockets
  bool refuses_mark = false;
  std::vector<std::string> order;  // of marks and default routes
  FakeKernelNetwork* kernel = nullptr;
  std::unique_ptr<NodeMesh> mesh;
};

// Two that trust each other; the second has the first as its seed.
struct Two {
  Two() {
    log::level = LogLevel::silent;
    a.trust(b);
    b.trust(a);
    a.configure("mesh = \"lab\"\nnames = []\n");
    b.configure("mesh = \"lab\"\nseeds = [\"" + a.identity.to_string() + "@192.0.2.1:51820\"]\n");
  }
  ~Two() { log::level = LogLevel::info; }
  void start() {
    a.start();
    b.start();
  }
  void pass(Duration span) {
    const Instant end = clock.now() + span;
    while (clock.now() < end) {
      for (MeshNode* const node : nodes) {
        if (node->mesh) node->turn();
      }
      clock.advance(10ms);
    }
  }
  // One packet from one's TUN queue; what came out of the other's.
  std::vector<test::Packet> send(MeshNode& from, MeshNode& to) {
    (void)to.path.tun.take_written();
    test::PacketSpec spec;
    spec.source = from.inner().to_string();
    spec.destination = to.inner().to_string();
    spec.payload = test::Packet(100, 7);
    from.path.tun.push_packet(test::build_packet(spec));
    pass(500ms);
    return to.path.tun.take_written();
  }

  ManualClock clock;
  FakeNetwork network{clock, 1, {.delay = 1ms}};
  MeshNode a{clock, network, "192.0.2.1:51820", 11};
  MeshNode b{clock, network, "192.0.2.2:51820", 12};
  std::vector<MeshNode*> nodes{&a, &b};  // those that get their turns
};

}  // namespace xm::test
