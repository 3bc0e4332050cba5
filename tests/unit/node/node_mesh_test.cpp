#include "agent/node_mesh.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "tests/unit/node/node_mesh_lab.hpp"

namespace xm {
namespace {

using test::Two;

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
  const PeerNames named = two.a.mesh->peer_names();
  REQUIRE(named.size() == 1);
  CHECK(named.begin()->second == "gate");

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
