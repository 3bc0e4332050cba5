#include "agent/node_mesh.hpp"

#include <doctest/doctest.h>
#include <poll.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "agent/mesh/trust_text.hpp"
#include "tests/support/fake_kernel_network.hpp"
#include "tests/support/packet_builder.hpp"
#include "tests/support/path_node.hpp"
#include "tests/support/temporary_directory.hpp"
#include "xdpmesh/log.hpp"

namespace xm {
namespace {

using test::FakeKernelNetwork;
using test::FakeNetwork;
using test::ManualClock;
using test::PathNode;

constexpr TunCapabilities kTun{true, true, true, true, true, true};

// A node with its files, walks and engine, over a fake network, TUN queue and kernel.
struct MeshNode {
  MeshNode(ManualClock& clock, FakeNetwork& network, const std::string& address, std::uint64_t seed)
      : path(clock, network, Endpoint::parse(address).value(), seed, kTun, true),
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
    auto started = NodeMesh::start(std::move(*setup),
                                   {.engine = path.engine,
                                    .core = path.core,
                                    .random = path.random(),
                                    .network = std::move(kernel_network)},
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
  FakeKernelNetwork* kernel = nullptr;
  std::unique_ptr<NodeMesh> mesh;
};

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
      for (MeshNode* const node : {&a, &b}) {
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
};

TEST_CASE("node of a mesh: two find each other, and a packet brings the session up") {
  Two two;
  two.start();
  CHECK(two.a.kernel->up);
  two.pass(5s);
  CHECK(two.a.has_peer(two.b));
  CHECK(two.b.has_peer(two.a));
  CHECK(two.a.kernel->addresses.size() == 2);
  CHECK(two.a.kernel->routes.contains(Prefix::parse("100.64.0.0/10").value()));
  CHECK(two.send(two.b, two.a).size() == 1);
  CHECK(two.send(two.a, two.b).size() == 1);
  const MeshStatus status = two.b.status();
  CHECK(status.state == "joined");
  REQUIRE(status.members.size() == 1);
  CHECK(status.members[0].reach == Reach::direct);
  CHECK(status.members[0].endpoint.to_string() == "192.0.2.1:51820");
  REQUIRE(status.seeds.size() == 1);
  CHECK(status.seeds[0].state == "member");
}

TEST_CASE("node of a mesh: one that starts anew has a session anew, without waiting") {
  Two two;
  two.start();
  two.pass(5s);
  REQUIRE(two.send(two.a, two.b).size() == 1);
  two.pass(6s);
  two.b.mesh.reset();
  two.b.path.engine.set_interface_up(false, two.b.path.at());
  two.b.path.engine.set_interface_up(true, two.b.path.at());
  two.b.start();
  two.pass(3s);
  CHECK(two.send(two.a, two.b).size() == 1);
}

TEST_CASE("node of a mesh: one that starts alone asks whom it knew, and nobody it trusts no more") {
  for (const bool is_trusted : {true, false}) {
    Two two;
    two.start();
    two.pass(5s);
    REQUIRE(two.b.has_peer(two.a));
    two.b.mesh->leave(two.b.path.at());
    two.b.mesh.reset();
    two.pass(5s);
    REQUIRE_FALSE(two.a.has_peer(two.b));
    two.b.configure("mesh = \"lab\"\nseeds = []\n");
    if (!is_trusted) REQUIRE(two.b.keys.remove_trust(KeyKind::node, two.a.identity.key));
    two.b.start();
    two.pass(5s);
    CHECK(two.a.has_peer(two.b) == is_trusted);
  }
}

TEST_CASE("node of a mesh: who says good-bye is no peer any more") {
  Two two;
  two.start();
  two.pass(5s);
  REQUIRE(two.a.has_peer(two.b));
  two.b.mesh->leave(two.b.path.at());
  two.b.mesh.reset();
  two.pass(2s);
  CHECK_FALSE(two.a.has_peer(two.b));
}

TEST_CASE("node of a mesh: trust that is taken away on the disk takes the peer away") {
  Two two;
  two.start();
  two.pass(5s);
  REQUIRE(two.a.has_peer(two.b));
  REQUIRE(two.a.keys.remove_trust(KeyKind::node, two.b.identity.key));
  two.pass(1s);
  CHECK_FALSE(two.a.has_peer(two.b));
  CHECK(two.b.has_peer(two.a));
  two.a.trust(two.b);
  two.pass(30s);
  CHECK(two.a.has_peer(two.b));
}

TEST_CASE("node of a mesh: a configuration with a fault changes nothing and is reported") {
  Two two;
  two.start();
  two.pass(5s);
  two.a.configure("mesh = \"lab\"\nsubnets = [\"192.168.7.0/24\"]\nsubnet = 3\n");
  two.pass(1s);
  const std::vector<std::string> faults = two.a.status().faults;
  CHECK(std::any_of(faults.begin(), faults.end(), [](const std::string& fault) {
    return fault.find("wg0.toml:3:1") != std::string::npos;
  }));
  CHECK(two.a.has_peer(two.b));
  two.a.configure("mesh = \"other\"\n");
  two.pass(1s);
  const std::vector<std::string> later = two.a.status().faults;
  CHECK(std::any_of(later.begin(), later.end(), [](const std::string& fault) {
    return fault.find("next start") != std::string::npos;
  }));
  CHECK(two.a.status().name == "lab");
}

TEST_CASE("node of a mesh: subnets that are granted become routes, as the configuration changes") {
  Two two;
  const auto subnet = Prefix::parse("192.168.7.0/24").value();
  two.a.trust(two.b, {{}, {}, {subnet}});
  two.start();
  two.pass(5s);
  CHECK_FALSE(two.a.kernel->routes.contains(subnet));
  two.b.configure("mesh = \"lab\"\nsubnets = [\"192.168.7.0/24\"]\nseeds = [\"" +
                  two.a.identity.to_string() + "@192.0.2.1:51820\"]\n");
  two.pass(15s);
  CHECK(two.a.kernel->routes.contains(subnet));
  two.a.configure("mesh = \"lab\"\n[routes]\naccept_subnets = false\n");
  two.pass(1s);
  CHECK_FALSE(two.a.kernel->routes.contains(subnet));
}

TEST_CASE("node of a mesh: names are in the hosts file while it runs") {
  Two two;
  const std::string hosts = two.a.directory / "hosts";
  const auto content = [&] {
    std::ifstream file(hosts);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  std::ofstream(hosts) << "127.0.0.1 localhost\n";
  two.a.trust(two.b, {{"gate"}, {}, {}});
  two.a.configure("mesh = \"lab\"\nnames = [\"alpha\"]\nresolver.hosts_file = \"" + hosts + "\"\n");
  two.b.configure("mesh = \"lab\"\nnames = [\"gate\"]\nseeds = [\"" + two.a.identity.to_string() +
                  "@192.0.2.1:51820\"]\n");
  two.start();
  two.pass(5s);
  const std::string told = content();
  CAPTURE(told);
  CHECK(told.starts_with("127.0.0.1 localhost\n# xdp-mesh wg0 begin\n"));
  CHECK(told.find(two.a.inner().to_string() + " alpha.mesh\n") != std::string::npos);
  CHECK(told.find(two.b.inner().to_string() + " gate.mesh\n") != std::string::npos);
  CHECK(told.ends_with("# xdp-mesh wg0 end\n"));
  CHECK(two.a.status().faults.empty());

  two.a.configure("mesh = \"lab\"\nnames = [\"alpha\"]\n");
  two.pass(2s);
  CHECK(content() == "127.0.0.1 localhost\n");
  two.a.configure("mesh = \"lab\"\nnames = [\"alpha\"]\nresolver.hosts_file = \"" +
                  (two.a.directory / "none/hosts") + "\"\n");
  two.pass(2s);
  REQUIRE(two.a.status().faults.size() == 1);
  CHECK(two.a.status().faults[0].find("names are not in") != std::string::npos);
  two.a.configure("mesh = \"lab\"\nnames = [\"alpha\"]\nresolver.hosts_file = \"" + hosts + "\"\n");
  two.pass(2s);
  CHECK(content() == told);
  two.a.mesh.reset();
  CHECK(content() == "127.0.0.1 localhost\n");
}

TEST_CASE("node of a mesh: a static peer stands beside the members, comes and goes") {
  Two two;
  const std::string peer =
      "mesh = \"lab\"\n[[peer]]\npublic_key = \"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\"\n"
      "endpoint = \"192.0.2.9:51820\"\nallowed_ips = [\"10.9.0.0/24\"]\n";
  two.a.configure(peer);
  two.start();
  PublicKey key;
  key.fill(1);
  two.pass(5s);
  const auto id = two.a.path.engine.find_id(key);
  REQUIRE(id);
  CHECK(two.a.path.engine.route(*id).remote.to_string() == "192.0.2.9:51820");
  CHECK(two.a.has_peer(two.b));
  two.a.configure("mesh = \"lab\"\n");
  two.pass(1s);
  CHECK_FALSE(two.a.path.engine.find_id(key));
  CHECK(two.a.has_peer(two.b));
}

TEST_CASE("node of a mesh: what it needs and has not is said with the command that makes it") {
  test::TemporaryDirectory directory;
  const MeshPlace place{"wg0", directory.path(), directory / "state/wg0"};
  const auto nothing = load_mesh_setup(place);
  REQUIRE_FALSE(nothing.ok());
  CHECK(nothing.error().what.find("config show --defaults") != std::string::npos);
  std::ofstream(directory / "wg0.toml") << "mesh = \"lab\"\n";
  const auto no_key = load_mesh_setup(place);
  REQUIRE_FALSE(no_key.ok());
  CHECK(no_key.error().what.find("xdp-mesh keygen") != std::string::npos);
}

TEST_CASE("node of a mesh: it roams, and both planes follow") {
  Two two;
  two.start();
  two.pass(5s);
  REQUIRE(two.send(two.b, two.a).size() == 1);
  two.b.path.socket.move_to(Endpoint::parse("192.0.2.77:4000").value());
  CHECK(two.send(two.b, two.a).size() == 1);
  two.pass(5s);
  CHECK(two.send(two.a, two.b).size() == 1);
  CHECK(two.a.status().members.at(0).endpoint.to_string() == "192.0.2.77:4000");
}

}  // namespace
}  // namespace xm
