#include "agent/mesh/mesh.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/support/organisation_lab.hpp"

namespace xm {
namespace {

using test::certificate;
using test::MeshLab;
using test::OrganisationLab;

// What leads into the tunnel of a node: the mesh, and `more`.
std::vector<Prefix> mesh_routes(std::vector<Prefix> more = {}) {
  more.push_back(Prefix::parse("100.64.0.0/10").value());
  more.push_back(derive_ipv6_prefix("lab"));
  std::sort(more.begin(), more.end());
  return more;
}

}  // namespace

TEST_CASE("a mesh of nodes that trust each other's keys forms through one seed") {
  MeshLab lab(5);
  lab.all_trust_all();
  lab.start_all();
  lab.pass(20s);
  CHECK(lab.pairs() == 20);
  const MeshPeer* const peer = lab[3].peer(lab[4]);
  REQUIRE(peer != nullptr);
  CHECK(peer->key == lab[4].identity.wireguard_key());
  CHECK(peer->allowed_ips == lab[4].mesh->roster().our_prefixes());
  CHECK(lab[3].mesh->plan().addresses.size() == 2);
  CHECK(lab[3].mesh->plan().routes == mesh_routes());
}

TEST_CASE("who is trusted by nobody is nobody, and is told what is missing") {
  MeshLab lab(2);
  lab.start_all();
  lab.pass(60s);
  CHECK(lab.pairs() == 0);
  CHECK(lab[0].has_fault("nobody is trusted"));
  CHECK(lab[1].seeds_wanted > 0);
}

TEST_CASE("a certificate's end is told before it comes and after it, until there is a new one") {
  OrganisationLab lab(2, 1000);
  lab.start_all();
  lab.pass(800s);
  CHECK(lab.pairs() == 2);
  CHECK_FALSE(lab[1].has_fault("certificate"));
  lab.pass(110s);
  CHECK(lab.pairs() == 2);
  CHECK(lab[1].has_fault("this node's certificate expires in "));
  CHECK(lab[1].has_fault("xdp-mesh org sign " + lab[1].identity.to_string()));
  lab.pass(120s);
  CHECK(lab[1].has_fault("expected one that is valid now, got one that expired "));
  CHECK(lab[1].has_fault("xdp-mesh trust FILE"));

  lab[1].chain = CertificateChain{
      certificate(lab.organisation, lab[1].identity, {lab.seconds(), lab.seconds() + 300 * kDay}),
      {}};
  lab.reload(1);
  CHECK_FALSE(lab[1].has_fault("certificate"));
}

TEST_CASE("a certificate for another key or another mesh is told with what was expected") {
  OrganisationLab lab(2);
  const Identity& self = lab[0].identity;
  lab.start_all();
  lab[0].chain = lab[1].chain;
  lab.reload(0);
  CHECK(lab[0].has_fault("expected one for this node, " + self.to_string() + ", got one for " +
                         lab[1].identity.to_string()));
  Certificate elsewhere;
  elsewhere.issuer = verify_key(lab.organisation);
  elsewhere.subject = self.key;
  elsewhere.mesh = "other";
  elsewhere.life = {lab.seconds(), lab.seconds() + kDay};
  auto made = SignedCertificate::sign(elsewhere, lab.organisation);
  REQUIRE(made.ok());
  lab[0].chain = CertificateChain{std::move(*made), {}};
  lab.reload(0);
  CHECK(lab[0].has_fault("expected one for the mesh lab, got one for the mesh other"));
  lab[0].chain.reset();
  lab.reload(0);
  CHECK_FALSE(lab[0].has_fault("certificate"));
}

TEST_CASE("one-sided trust makes no member of either, and no death") {
  MeshLab lab(3);
  lab.all_trust_all();
  lab.distrust(1, 2);
  lab.start_all();
  lab.pass(120s);
  CHECK(lab[1].member(lab[2]) == nullptr);
  CHECK(lab[1].peer(lab[2]) == nullptr);
  CHECK(lab[0].holds_alive(lab[2]));
  // Node 0 knows of both; to node 2 node 1 answers nothing, and others say that it lives.
  REQUIRE(lab[2].member(lab[1]) != nullptr);
  CHECK(lab[2].holds_alive(lab[1]));
  CHECK_FALSE(lab[2].mesh->gossip().has_session(lab[1].identity));
}

TEST_CASE("trust that is taken away cuts off at once, where it is taken away") {
  MeshLab lab(3);
  lab.all_trust_all();
  lab.start_all();
  lab.pass(20s);
  REQUIRE(lab.pairs() == 6);
  lab.distrust(0, 2);
  CHECK(lab[0].peer(lab[2]) == nullptr);
  CHECK(lab[1].peer(lab[2]) != nullptr);
  lab.pass(60s);
  CHECK(lab[0].peer(lab[2]) == nullptr);
  CHECK(lab[1].holds_alive(lab[2]));
  // And given again, it comes back.
  lab.trust(0, 2);
  lab.reload(0);
  lab.pass(60s);
  CHECK(lab[0].peer(lab[2]) != nullptr);
}

TEST_CASE("an organisation's members find each other by an address alone") {
  OrganisationLab lab(3);
  for (std::size_t i = 0; i < 3; ++i) lab.start(i);
  for (std::size_t i = 1; i < 3; ++i) {
    lab[i].mesh->contact(std::nullopt, lab[0].endpoint, lab.at());
    lab.carry_out(lab[i]);
  }
  lab.pass(20s);
  CHECK(lab.pairs() == 6);
}

TEST_CASE("a certificate that ends ends the membership") {
  OrganisationLab lab(2, 300);
  lab.start_all();
  lab.pass(30s);
  REQUIRE(lab.pairs() == 2);
  lab.pass(271s);
  CHECK(lab[0].peer(lab[1]) == nullptr);
  CHECK(lab[1].peer(lab[0]) == nullptr);
}

TEST_CASE("a new certificate goes round with a new record") {
  OrganisationLab lab(2, 300);
  lab.start_all();
  lab.pass(30s);
  for (std::size_t i = 0; i < 2; ++i) {
    lab[i].chain = CertificateChain{
        certificate(lab.organisation, lab[i].identity, {lab.seconds(), lab.seconds() + kDay}), {}};
    lab.reload(i);
  }
  lab.pass(400s);
  CHECK(lab.pairs() == 2);
}

TEST_CASE("records are renewed at a third of their life") {
  MeshLab lab(2);
  lab.all_trust_all();
  lab[1].options.wishes.life = kLeastRecordLife;
  lab.start_all();
  lab.pass(30s);
  const std::uint64_t first = lab[0].member(lab[1])->record->version;
  lab.pass(std::chrono::seconds(kLeastRecordLife / 3 + 60));
  CHECK(lab[0].member(lab[1])->record->version == first + 1);
  CHECK(lab.pairs() == 2);
}

TEST_CASE("two that derive one address: one takes another, and all agree") {
  // 14 addresses for 8 nodes: some collide.
  MeshLab lab(8);
  lab.all_trust_all();
  for (const auto& node : lab.nodes)
    node->options.ipv4_prefix = Prefix::parse("10.0.0.0/28").value();
  lab.start_all();
  lab.pass(120s);
  REQUIRE(lab.pairs() == 56);
  std::size_t moved = 0;
  for (const auto& node : lab.nodes) {
    moved += node->salts.size();
    CHECK(node->mesh->plan().addresses.size() == 2);
    CHECK(node->mesh->roster().conflicts().empty());
    for (const auto& other : lab.nodes) {
      if (node == other) continue;
      CHECK(node->peer(*other)->allowed_ips == other->mesh->roster().our_prefixes());
    }
  }
  CHECK(moved > 0);
}

TEST_CASE("what is granted becomes allowed IPs and routes, what is not does not") {
  MeshLab lab(3);
  const auto subnet = Prefix::parse("192.168.7.0/24").value();
  const auto everything = Prefix::parse("0.0.0.0/0").value();
  lab.trust(0, 1, {{}, {}, {subnet, everything}});
  lab.trust(0, 2);
  lab.trust(1, 0);
  lab.trust(1, 2);
  lab.trust(2, 0);
  lab.trust(2, 1);
  lab[1].options.wishes.subnets = {everything, subnet};
  lab.start_all();
  lab.pass(20s);
  REQUIRE(lab[0].peer(lab[1]) != nullptr);
  CHECK(lab[0].mesh->plan().routes == mesh_routes({subnet}));
  CHECK(lab[0].peer(lab[1])->allowed_ips.size() == 3);
  CHECK(lab[2].mesh->plan().routes == mesh_routes());
  CHECK(lab[2].peer(lab[1])->allowed_ips.size() == 2);

  MeshOptions options = lab[0].options;
  options.accept_default = true;
  lab[0].mesh->reconfigure(options, lab.at());
  CHECK(lab[0].mesh->plan().routes == mesh_routes({everything, subnet}));
  options.accept_subnets = false;
  lab[0].mesh->reconfigure(options, lab.at());
  CHECK(lab[0].mesh->plan().routes == mesh_routes({everything}));
}

TEST_CASE("peers beside the members get routes, unless a member has their key") {
  MeshLab lab(2);
  lab.all_trust_all();
  const auto prefix = [](std::string_view text) { return Prefix::parse(text).value(); };
  const Prefix everything = prefix("0.0.0.0/0");
  const Prefix in_mesh = Prefix::of(derive_ipv6_prefix("lab").address, 96);
  PublicKey stranger;
  stranger.fill(1);
  MeshOptions& options = lab[0].options;
  options.accept_subnets = false;  // concerns what members offer
  options.outside = {
      {stranger, {prefix("10.9.0.0/24"), prefix("100.64.7.0/24"), in_mesh, everything}},
      {lab[1].identity.wireguard_key().value(), {prefix("10.8.0.1"), prefix("10.9.0.0/24")}}};
  lab.start(0);
  CHECK(lab[0].mesh->plan().routes == mesh_routes({prefix("10.8.0.1"), prefix("10.9.0.0/24")}));
  lab.start(1);
  lab.contact(1, 0);
  lab.pass(20s);
  REQUIRE(lab.pairs() == 2);
  CHECK(lab[0].mesh->plan().routes == mesh_routes({prefix("10.9.0.0/24")}));
  options.accept_default = true;
  lab[0].mesh->reconfigure(options, lab.at());
  CHECK(lab[0].mesh->plan().routes == mesh_routes({everything, prefix("10.9.0.0/24")}));
  options.outside.clear();
  lab[0].mesh->reconfigure(options, lab.at());
  CHECK(lab[0].mesh->plan().routes == mesh_routes());
}

TEST_CASE("another limit of members holds at once, and those that are members stay") {
  MeshLab lab(4);
  lab.all_trust_all();
  for (std::size_t i = 0; i < 3; ++i) lab.start(i);
  for (std::size_t i = 1; i < 3; ++i) lab.contact(i, 0);
  lab.pass(30s);
  REQUIRE(lab.pairs() == 6);
  MeshOptions options = lab[0].options;
  options.max_members = 1;
  lab[0].mesh->reconfigure(options, lab.at());
  lab.start(3);
  lab.contact(3, 0);
  lab.pass(30s);
  CHECK(lab[0].holds_alive(lab[1]));
  CHECK(lab[0].holds_alive(lab[2]));
  CHECK(lab[0].member(lab[3]) == nullptr);
  CHECK(lab[0].mesh->gossip().swim().counters().table_full > 0);
  options.max_members = 10;
  lab[0].mesh->reconfigure(options, lab.at());
  lab.contact(3, 0);
  lab.pass(60s);
  CHECK(lab[0].holds_alive(lab[3]));
}

TEST_CASE("a crash takes the peer away only after three minutes without any answer") {
  MeshLab lab(3);
  lab.all_trust_all();
  lab.start_all();
  lab.pass(30s);
  lab.stop(2);
  lab.pass(30s);
  REQUIRE(lab[0].member(lab[2])->state == MemberState::dead);
  CHECK(lab[0].peer(lab[2]) != nullptr);
  lab.pass(180s);
  CHECK(lab[0].peer(lab[2]) == nullptr);
  lab.start(2);
  lab.contact(2, 0);
  lab.pass(30s);
  CHECK(lab[0].peer(lab[2]) != nullptr);
  CHECK(lab[1].holds_alive(lab[2]));
}

TEST_CASE("two that were parted and have both moved find each other by what their records say") {
  MeshLab lab(4);
  lab.all_trust_all();
  lab.start_all();
  lab.pass(30s);
  lab[2].side = 1;
  lab[3].side = 2;
  lab.pass(90s);
  REQUIRE(lab[2].member(lab[3])->state == MemberState::dead);
  for (const std::size_t moved : {2U, 3U}) {
    const Endpoint before = lab[moved].endpoint;
    lab[moved].endpoint = Endpoint::parse("198.51.100." + std::to_string(moved) + ":4000").value();
    lab[moved].mesh->set_endpoints({before, lab[moved].endpoint}, lab.at());
    lab.carry_out(lab[moved]);
    lab[moved].side = 0;
  }
  lab.pass(120s);  // 30 to 85 s, by the order in which the dead are asked
  CHECK(lab.pairs() == 12);
}

TEST_CASE("who leaves is gone at once") {
  MeshLab lab(3);
  lab.all_trust_all();
  lab.start_all();
  lab.pass(20s);
  lab[2].mesh->leave(lab.at());
  lab.carry_out(lab[2]);
  lab.pass(2s);
  CHECK(lab[0].member(lab[2])->state == MemberState::left);
  CHECK(lab[0].peer(lab[2]) == nullptr);
}

TEST_CASE("a wall clock that jumps an hour ends nothing") {
  MeshLab lab(3);
  lab.all_trust_all();
  lab.start_all();
  lab.pass(30s);
  for (const Duration jump : {Duration(1h), Duration(-2h)}) {
    lab.wall_shift += jump;
    lab.pass(60s);
    CHECK(lab.pairs() == 6);
  }
}

TEST_CASE("a clock that is wrong is seen by its own node, against the others' median") {
  MeshLab lab(4);
  lab.all_trust_all();
  lab[2].wall_shift = -400s;
  lab.start_all();
  lab.pass(60s);
  CHECK(lab.pairs() == 12);
  CHECK(lab[2].mesh->skew() == -400);
  CHECK(lab[2].has_fault("400 s behind"));
  CHECK(lab[0].mesh->skew() == 0);
  CHECK(lab[0].mesh->skew_of(lab[2].identity) == -400);
  CHECK_FALSE(lab[0].has_fault("clock"));
}

TEST_CASE("a disk that keeps no counter keeps a node from starting, with the reason") {
  MeshLab lab(1);
  lab[0].incarnations.is_full = true;
  Mesh mesh(lab[0].key, lab[0].options, {lab[0].incarnations, lab[0].versions}, lab[0].random);
  const Status started = mesh.start({}, {}, lab.at());
  REQUIRE_FALSE(started.ok());
  CHECK(started.error().what.find("disk is full") != std::string::npos);
}

TEST_CASE("two nodes with one key outdo each other's records once a minute, no more") {
  MeshLab lab(4);
  lab.nodes[2] = std::make_unique<test::MeshLabNode>(501, lab[2].endpoint);
  REQUIRE(lab[1].identity == lab[2].identity);
  lab[2].versions.number = 5;
  for (const auto& [a, b] :
       {std::pair{0, 1}, {0, 3}, {3, 0}, {3, 1}, {1, 0}, {1, 3}, {2, 0}, {2, 3}}) {
    lab.trust(static_cast<std::size_t>(a), static_cast<std::size_t>(b));
  }
  for (std::size_t i = 0; i < 4; ++i) lab.start(i);
  lab.contact(0, 3);
  lab.contact(1, 0);
  lab.contact(2, 3);
  const auto newest = [&] { return std::max(lab[1].versions.number, lab[2].versions.number); };
  lab.pass(30s);
  const std::uint64_t before = newest();
  lab.pass(600s);
  CHECK(newest() > before);
  CHECK(newest() - before <= 2 * 10 + 2);
}

TEST_CASE("a node whose disk has forgotten its version outdoes its old record at once") {
  MeshLab lab(3);
  lab.all_trust_all();
  lab[1].versions.number = 40;
  lab.start_all();
  lab.pass(30s);
  lab.stop(1);
  lab[1].versions.number = 0;
  lab.start(1);
  lab.contact(1, 0);
  lab.contact(1, 2);
  lab.pass(7s);
  CHECK(lab[1].versions.number > 40);
}

TEST_CASE("endpoints within the mesh, or behind one of its nodes, are not tried") {
  MeshLab lab(2);
  const auto subnet = Prefix::parse("198.51.100.0/24").value();
  lab.trust(0, 1, {{}, {}, {subnet}});
  lab.trust(1, 0);
  lab[1].options.wishes.subnets = {subnet};
  lab[1].options.wishes.endpoints = {Endpoint::parse("100.64.3.3:5").value(),
                                     Endpoint::parse("198.51.100.7:5").value(), lab[1].endpoint};
  lab.start_all();
  lab.pass(10s);
  const Standing* const standing = lab[0].mesh->roster().find(lab[1].identity);
  REQUIRE(standing != nullptr);
  CHECK(lab[0].mesh->roster().candidates(*standing) == std::vector<Endpoint>{lab[1].endpoint});
}

}  // namespace xm
