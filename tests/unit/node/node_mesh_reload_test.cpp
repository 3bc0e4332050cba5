// What a running node of a mesh makes of a changed configuration.
#include <doctest/doctest.h>
#include <poll.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "agent/ctl/base64.hpp"
#include "tests/unit/node/node_mesh_lab.hpp"

namespace xm {
namespace {

using test::MeshNode;
using test::Two;

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
}

TEST_CASE("node of a mesh: what takes effect with the next start is said as long as it differs") {
  Two two;
  two.start();
  two.pass(5s);
  const std::string changed =
      "mesh = \"other\"\nlisten_port = 4000\nprivate_key_file = \"/none\"\n"
      "ipv4_prefix = \"10.64.0.0/16\"\nnames = []\n[interface]\nmtu = 1400\nworkers = 3\n"
      "attach = [\"eth0\"]\n[discovery]\nlan = true\n[metrics]\nlisten = \"127.0.0.1:9586\"\n";
  const std::vector<std::string> expected{
      "changes of mesh, listen_port, private_key_file, ipv4_prefix, interface.mtu, "
      "interface.workers, interface.attach, discovery.lan, metrics.listen take effect with the "
      "next start: xdp-mesh down, then up"};
  two.a.configure(changed);
  two.pass(1s);
  CHECK(two.a.status().faults == expected);
  CHECK(two.a.status().name == "lab");
  two.a.configure(changed + "# the same once more\n");
  two.pass(1s);
  CHECK(two.a.status().faults == expected);
  CHECK(two.a.has_peer(two.b));
  two.a.configure("mesh = \"lab\"\nnames = []\n");
  two.pass(1s);
  CHECK(two.a.status().faults.empty());
}

TEST_CASE("node of a mesh: another limit of members holds after a reload, and no member goes") {
  Two two;
  MeshNode c(two.clock, two.network, "192.0.2.3:51820", 13);
  MeshNode d(two.clock, two.network, "192.0.2.4:51820", 14);
  two.nodes = {&two.a, &two.b, &c, &d};
  for (MeshNode* const node : {&c, &d}) {
    two.a.trust(*node);
    node->trust(two.a);
    node->configure("mesh = \"lab\"\nseeds = [\"" + two.a.identity.to_string() +
                    "@192.0.2.1:51820\"]\n");
  }
  const std::string limited = "mesh = \"lab\"\nnames = []\nlimits.members = ";
  two.start();
  c.start();
  two.pass(5s);
  REQUIRE(two.a.status().members.size() == 2);
  two.a.configure(limited + "2\n");
  two.pass(1s);
  d.start();
  two.pass(15s);
  CHECK_FALSE(two.a.has_peer(d));
  CHECK(two.a.has_peer(two.b));
  CHECK(two.a.has_peer(c));
  two.a.configure(limited + "3\n");
  two.pass(15s);
  CHECK(two.a.has_peer(d));
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
  CHECK(two.a.kernel->routes.contains(Prefix::parse("10.9.0.0/24").value()));
  CHECK(two.a.has_peer(two.b));
  two.a.configure("mesh = \"lab\"\n");
  two.pass(1s);
  CHECK_FALSE(two.a.path.engine.find_id(key));
  CHECK_FALSE(two.a.kernel->routes.contains(Prefix::parse("10.9.0.0/24").value()));
  CHECK(two.a.has_peer(two.b));
}

// A peer of the configuration, with `more` lines.
std::string with_peer(const PublicKey& key, const std::string& more) {
  return "mesh = \"lab\"\nnames = []\n[[peer]]\npublic_key = \"" + to_base64(key) + "\"\n" + more;
}

PublicKey key_of(const MeshNode& node) {
  return node.identity.wireguard_key().value();
}

PeerView peer_of(const MeshNode& node, const PublicKey& key) {
  InterfaceView view = node.path.engine.view();
  const auto found = std::find_if(view.peers.begin(), view.peers.end(),
                                  [&](const PeerView& peer) { return peer.public_key == key; });
  REQUIRE(found != view.peers.end());
  return std::move(*found);
}

TEST_CASE("node of a mesh: a static peer with a member's key changes nothing of the member") {
  Two two;
  two.start();
  two.pass(5s);
  const PublicKey key = key_of(two.b);
  const auto as_member = peer_of(two.a, key).allowed_ips;
  REQUIRE(as_member.size() == 2);
  two.a.configure(with_peer(key, "allowed_ips = [\"10.9.0.0/24\"]\nkeepalive_seconds = 7\n"));
  two.pass(1s);
  CHECK(peer_of(two.a, key).allowed_ips == as_member);
  CHECK(peer_of(two.a, key).persistent_keepalive == 0);
  CHECK(two.send(two.a, two.b).size() == 1);
  two.a.configure("mesh = \"lab\"\nnames = []\n");
  two.pass(1s);
  CHECK(peer_of(two.a, key).allowed_ips == as_member);
  CHECK(two.send(two.a, two.b).size() == 1);
}

TEST_CASE("node of a mesh: what a member has no static peer takes, and gets when it is free") {
  Two two;
  PublicKey key;
  key.fill(1);
  two.start();
  two.pass(5s);
  const auto as_member = peer_of(two.a, key_of(two.b)).allowed_ips;
  REQUIRE(as_member.size() == 2);
  const std::string wants =
      "allowed_ips = [\"10.9.0.0/24\", \"" + as_member[0].to_string() + "\"]\n";
  two.a.configure(with_peer(key, wants));
  two.pass(1s);
  CHECK(peer_of(two.a, key_of(two.b)).allowed_ips == as_member);
  CHECK(peer_of(two.a, key).allowed_ips.size() == 1);
  CHECK(two.send(two.a, two.b).size() == 1);
  REQUIRE(two.a.keys.remove_trust(KeyKind::node, two.b.identity.key));
  two.pass(1s);
  CHECK(peer_of(two.a, key).allowed_ips.size() == 2);
  two.a.trust(two.b);
  two.pass(20s);
  CHECK(peer_of(two.a, key_of(two.b)).allowed_ips == as_member);
  CHECK(peer_of(two.a, key).allowed_ips.size() == 1);
  two.a.configure("mesh = \"lab\"\nnames = []\n");
  two.pass(1s);
  CHECK(peer_of(two.a, key_of(two.b)).allowed_ips == as_member);
}

TEST_CASE("node of a mesh: a static peer is one while no member has its key") {
  Two two;
  const PublicKey key = key_of(two.b);
  const std::vector<Prefix> configured{Prefix::parse("10.9.0.0/24").value()};
  two.a.configure(with_peer(key, "allowed_ips = [\"10.9.0.0/24\"]\nkeepalive_seconds = 7\n"));
  two.a.start();
  CHECK(peer_of(two.a, key).allowed_ips == configured);
  two.b.start();
  two.pass(5s);
  CHECK(peer_of(two.a, key).allowed_ips.size() == 2);
  CHECK(peer_of(two.a, key).persistent_keepalive == 0);
  CHECK(two.send(two.a, two.b).size() == 1);
  REQUIRE(two.a.keys.remove_trust(KeyKind::node, two.b.identity.key));
  two.pass(1s);
  CHECK(peer_of(two.a, key).allowed_ips == configured);
  CHECK(peer_of(two.a, key).persistent_keepalive == 7);
  CHECK(peer_of(two.a, key).endpoint.to_string() == "192.0.2.2:51820");
  CHECK(two.send(two.a, two.b).empty());
}

TEST_CASE("node of a mesh: a static peer that has roamed stays where it is through reloads") {
  Two two;
  PublicKey key;
  key.fill(1);
  const std::string at_home = "endpoint = \"192.0.2.9:51820\"\n";
  two.a.configure(with_peer(key, at_home + "allowed_ips = [\"10.9.0.0/24\"]\n"));
  two.a.start();
  InterfaceChange roamed;
  roamed.peers.emplace_back();
  roamed.peers.back().public_key = key;
  roamed.peers.back().endpoint = Endpoint::parse("192.0.2.77:4000").value();
  REQUIRE(two.a.path.engine.apply(std::move(roamed), two.a.path.at()));
  REQUIRE(two.a.keys.remove_trust(KeyKind::node, two.b.identity.key));
  two.pass(1s);
  CHECK(peer_of(two.a, key).endpoint.to_string() == "192.0.2.77:4000");
  two.a.configure(with_peer(key, at_home + "allowed_ips = [\"10.8.0.0/24\"]\n"));
  two.pass(1s);
  CHECK(peer_of(two.a, key).endpoint.to_string() == "192.0.2.77:4000");
  CHECK(peer_of(two.a, key).allowed_ips ==
        std::vector<Prefix>{Prefix::parse("10.8.0.0/24").value()});
  two.a.configure(with_peer(key, "endpoint = \"192.0.2.10:51820\"\n"));
  two.pass(1s);
  CHECK(peer_of(two.a, key).endpoint.to_string() == "192.0.2.10:51820");
  CHECK(peer_of(two.a, key).allowed_ips.empty());
}

TEST_CASE("node of a mesh: a static peer whose endpoint becomes a name goes where that leads") {
  Two two;
  PublicKey key;
  key.fill(1);
  const auto look_up = [&] {
    pollfd names{two.a.mesh->names_fd(), POLLIN, 0};
    REQUIRE(poll(&names, 1, 5'000) == 1);
    two.a.mesh->read_names(two.a.path.at());
  };
  two.a.configure(with_peer(key, "endpoint = \"192.0.2.9:51820\"\n"));
  two.a.start();
  look_up();
  two.a.configure(with_peer(key, "endpoint = \"localhost:4000\"\n"));
  two.pass(1s);
  CHECK(peer_of(two.a, key).endpoint.to_string() == "192.0.2.9:51820");
  look_up();
  CHECK(peer_of(two.a, key).endpoint.port == 4000);
}

TEST_CASE(
    "node of a mesh: a static peer goes where its new name leads when a member frees its key") {
  Two two;
  const PublicKey key = key_of(two.b);
  const auto look_up = [&] {
    pollfd names{two.a.mesh->names_fd(), POLLIN, 0};
    REQUIRE(poll(&names, 1, 5'000) == 1);
    two.a.mesh->read_names(two.a.path.at());
  };
  two.a.configure(with_peer(key, "endpoint = \"localhost:4000\"\n"));
  two.a.start();
  look_up();
  REQUIRE(peer_of(two.a, key).endpoint.port == 4000);
  two.b.start();
  two.pass(5s);
  REQUIRE(peer_of(two.a, key).endpoint.to_string() == "192.0.2.2:51820");
  two.a.configure(with_peer(key, "endpoint = \"localhost:5000\"\n"));
  two.pass(1s);
  look_up();
  CHECK(peer_of(two.a, key).endpoint.to_string() == "192.0.2.2:51820");
  // Another reload that leaves the name as it is forgets it neither.
  two.a.configure(with_peer(key, "endpoint = \"localhost:5000\"\nkeepalive_seconds = 7\n"));
  two.pass(1s);
  look_up();
  two.nodes = {&two.a};  // the other says nothing, by which it would be found where it is
  REQUIRE(two.a.keys.remove_trust(KeyKind::node, two.b.identity.key));
  two.pass(1s);
  CHECK(peer_of(two.a, key).persistent_keepalive == 7);
  CHECK(peer_of(two.a, key).endpoint.port == 5000);
}

TEST_CASE("node of a mesh: an inner address that a static peer gives up is the other's") {
  Two two;
  PublicKey first;
  first.fill(1);
  PublicKey second;
  second.fill(2);
  const std::string address = "allowed_ips = [\"10.9.0.0/24\"]\n";
  two.a.configure(with_peer(second, address) + "[[peer]]\npublic_key = \"" + to_base64(first) +
                  "\"\n" + address);
  two.a.start();
  REQUIRE(peer_of(two.a, second).allowed_ips.empty());
  two.a.configure(with_peer(second, address));
  two.pass(1s);
  CHECK(peer_of(two.a, second).allowed_ips.size() == 1);
}

}  // namespace
}  // namespace xm
