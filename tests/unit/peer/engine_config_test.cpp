// Engine: configuration.
#include <doctest/doctest.h>

#include "tests/support/engine_lab.hpp"

namespace xm {
namespace {

using test::Lab;
using test::Station;

Prefix prefix(std::string_view text) {
  return Prefix::parse(text).value();
}

Peer* owner(const Station& station, std::string_view text) {
  const IpAddress address = IpAddress::parse(text).value();
  const AllowedIps& table = *station.engine.allowed_ips().load();
  return address.is_v4() ? table.find_v4(address.octets.data())
                         : table.find_v6(address.octets.data());
}

PublicKey key_of(std::uint8_t number) {
  PublicKey key{};
  key.fill(number);
  return key;
}

PeerChange change_of(std::uint8_t number) {
  PeerChange change;
  change.public_key = key_of(number);
  return change;
}

TEST_CASE("engine config: what was set is what is seen") {
  Lab lab;
  Station& station = lab.add_station("192.0.2.1:1");
  PeerChange peer = change_of(7);
  Key preshared;
  preshared.expose_mutable()[0] = 9;
  peer.preshared_key = preshared.clone();
  peer.endpoint = test::endpoint("[2001:db8::1]:51820");
  peer.persistent_keepalive = 25;
  peer.add_allowed_ips = {prefix("10.0.0.0/8"), prefix("fd00::/64")};
  InterfaceChange change;
  change.private_key = station.private_key.clone();
  change.peers.push_back(std::move(peer));
  station.apply(std::move(change));

  const InterfaceView view = station.engine.view();
  CHECK(public_key(view.private_key) == station.public_key);
  REQUIRE(view.peers.size() == 1);
  CHECK(view.peers[0].public_key == key_of(7));
  CHECK(view.peers[0].preshared_key == preshared);
  CHECK(view.peers[0].endpoint == test::endpoint("[2001:db8::1]:51820"));
  CHECK(view.peers[0].persistent_keepalive == 25);
  CHECK(view.peers[0].allowed_ips ==
        std::vector<Prefix>{prefix("10.0.0.0/8"), prefix("fd00::/64")});
  CHECK(view.peers[0].last_handshake.nanoseconds == 0);
  CHECK(owner(station, "10.1.2.3") == station.peer(key_of(7)));
  CHECK(station.path_changes == 1);
  CHECK(station.messages.empty());  // the interface is down
}

TEST_CASE("engine config: update_only, remove, replace_peers") {
  Lab lab;
  Station& station = lab.add_station("192.0.2.1:1");
  PeerChange absent = change_of(1);
  absent.update_only = true;
  station.set_peer(std::move(absent));
  CHECK(station.engine.view().peers.empty());
  PeerChange gone = change_of(1);
  gone.remove = true;
  station.set_peer(std::move(gone));
  CHECK(station.peers_removed == 0);

  station.set_peer(change_of(1));
  station.set_peer(change_of(2));
  station.set_peer(change_of(1));
  REQUIRE(station.engine.view().peers.size() == 2);
  CHECK(station.engine.view().peers[0].public_key == key_of(1));
  const PeerId first = station.peer(key_of(1))->id;

  PeerChange remove = change_of(1);
  remove.remove = true;
  station.set_peer(std::move(remove));
  CHECK(station.peers_removed == 1);
  CHECK(station.engine.find_peer(first) == nullptr);
  CHECK_FALSE(station.engine.route(first).is_set());
  CHECK(station.engine.take_staged(first).empty());

  InterfaceChange replace;
  replace.replace_peers = true;
  replace.peers.push_back(change_of(3));
  station.apply(std::move(replace));
  REQUIRE(station.engine.view().peers.size() == 1);
  CHECK(station.engine.view().peers[0].public_key == key_of(3));
  CHECK(station.peer(key_of(3))->id > first);
  CHECK(station.grace.reclaim() == 0);
}

TEST_CASE("engine config: allowed IPs move, are replaced and removed, and go with their peer") {
  Lab lab;
  Station& station = lab.add_station("192.0.2.1:1");
  PeerChange a = change_of(1);
  a.add_allowed_ips = {prefix("10.0.0.0/24"), prefix("10.0.1.0/24")};
  PeerChange b = change_of(2);
  b.add_allowed_ips = {prefix("10.0.1.0/24")};
  InterfaceChange both;
  both.peers.push_back(std::move(a));
  both.peers.push_back(std::move(b));
  station.apply(std::move(both));
  CHECK(owner(station, "10.0.0.1") == station.peer(key_of(1)));
  CHECK(owner(station, "10.0.1.1") == station.peer(key_of(2)));
  CHECK(station.view(key_of(1)).allowed_ips == std::vector<Prefix>{prefix("10.0.0.0/24")});

  PeerChange replaced = change_of(1);
  replaced.replace_allowed_ips = true;
  replaced.add_allowed_ips = {prefix("10.9.0.0/16"), prefix("10.8.0.0/16")};
  replaced.remove_allowed_ips = {prefix("10.8.0.0/16"), prefix("10.0.1.0/24")};
  station.set_peer(std::move(replaced));
  CHECK(owner(station, "10.0.0.1") == nullptr);
  CHECK(owner(station, "10.9.0.1") == station.peer(key_of(1)));
  CHECK(owner(station, "10.8.0.1") == nullptr);
  CHECK(owner(station, "10.0.1.1") == station.peer(key_of(2)));  // was not the first one's

  PeerChange gone = change_of(2);
  gone.remove = true;
  station.set_peer(std::move(gone));
  CHECK(owner(station, "10.0.1.1") == nullptr);
}

TEST_CASE("engine config: the packet path keeps a removed peer until its batch is done") {
  test::ManualClock clock;
  Grace grace(1);
  test::SeededRandom random;
  DropCounters drops;
  Engine engine(grace, random, drops);
  const Moment at{clock.now(), clock.wall()};
  PeerChange peer = change_of(1);
  peer.add_allowed_ips = {prefix("0.0.0.0/0")};
  InterfaceChange add;
  add.peers.push_back(std::move(peer));
  REQUIRE(engine.apply(std::move(add), at));
  engine.on_timers(at);
  CHECK(engine.next_deadline() == kFarFuture);
  {
    const Grace::Section section(grace, 0);
    const std::uint8_t address[4] = {1, 2, 3, 4};
    Peer* const held = engine.allowed_ips().load()->find_v4(address);
    InterfaceChange remove;
    remove.replace_peers = true;
    REQUIRE(engine.apply(std::move(remove), at));
    CHECK(engine.allowed_ips().load()->find_v4(address) == nullptr);
    CHECK(held->id == 1);
    CHECK(engine.next_deadline() != kFarFuture);  // comes back to free it
  }
  engine.on_timers({engine.next_deadline(), at.wall});
  CHECK(engine.next_deadline() == kFarFuture);
  CHECK(grace.reclaim() == 0);
}

TEST_CASE(
    "engine config: a peer with our own key is ignored, and removed when the key becomes ours") {
  Lab lab;
  Station& station = lab.add_station("192.0.2.1:1");
  PeerChange ourselves;
  ourselves.public_key = station.public_key;
  InterfaceChange early;
  early.peers.push_back(std::move(ourselves));
  station.apply(std::move(early));
  CHECK(station.engine.view().peers.size() == 1);
  station.start();
  CHECK(station.engine.view().peers.empty());
  CHECK(station.peers_removed == 1);
  PeerChange again;
  again.public_key = station.public_key;
  station.set_peer(std::move(again));
  CHECK(station.engine.view().peers.empty());
}

TEST_CASE("engine config: a new private key ends all sessions and shakes hands again at once") {
  Lab lab;
  auto [a, b] = lab.make_pair();
  a->send(b->public_key);
  lab.run(1s);
  CHECK(b->data_received == 1);

  const Key other = generate_private_key(a->random);
  const PublicKey old_key = a->public_key;
  a->public_key = public_key(other);
  PeerChange known;
  known.public_key = a->public_key;
  b->set_peer(std::move(known));
  a->set_private_key(other.clone());
  CHECK(a->peer(b->public_key)->sending.load() == nullptr);
  CHECK(a->messages.size() == 2);  // the second initiation, not five seconds later
  lab.run(1s);
  CHECK(a->peer(b->public_key)->sending.load() != nullptr);
  CHECK(b->peer(a->public_key)->sending.load() != nullptr);
  b->send(a->public_key);
  lab.run(1s);
  CHECK(a->data_received == 1);
  CHECK(b->view(a->public_key).endpoint == a->address);  // learnt from the handshake
  CHECK(a->grace.reclaim() == 0);

  b->send(old_key);  // b still believes in the old session: nobody knows it
  lab.run(1s);
  CHECK(a->drops.of(XM_DROP_unknown_index) == 1);
  a->set_private_key(other.clone());  // the same again changes nothing
  CHECK(a->peer(b->public_key)->sending.load() != nullptr);
}

TEST_CASE("engine config: without a private key nothing is sent or answered; a late key wakes up") {
  Lab lab;
  Station& a = lab.add_station("192.0.2.1:1");
  Station& b = lab.add_station("192.0.2.2:1");
  Lab::introduce(a, b);
  Lab::introduce(b, a);
  b.start();
  PeerChange keepalive;
  keepalive.public_key = b.public_key;
  keepalive.persistent_keepalive = 25;
  a.set_peer(std::move(keepalive));
  a.engine.set_interface_up(true, a.at());
  a.settle();
  b.send(a.public_key);
  lab.run(20s);
  CHECK(a.messages.empty());
  CHECK(a.drops.of(XM_DROP_handshake_bad_mac1) >= 3);

  a.set_private_key(a.private_key.clone());
  lab.run(1s);
  CHECK(b.keepalives_received + a.data_received >= 1);
  CHECK(a.peer(b.public_key)->sending.load() != nullptr);

  a.set_private_key(Key{});
  CHECK(a.peer(b.public_key)->sending.load() == nullptr);
  CHECK(a.engine.view().private_key.is_zero());
  const std::size_t before = a.messages.size();
  lab.run(100s);
  CHECK(a.messages.size() == before);
}

TEST_CASE("engine config: a preshared key on one side only lets no handshake complete") {
  Lab lab;
  auto [a, b] = lab.make_pair();
  Key preshared;
  preshared.expose_mutable()[5] = 1;
  PeerChange change;
  change.public_key = b->public_key;
  change.preshared_key = preshared.clone();
  a->set_peer(std::move(change));
  a->send(b->public_key);
  lab.run(7s);
  CHECK(b->data_received == 0);
  CHECK(a->drops.of(XM_DROP_handshake_invalid) == 2);  // the response and that of the retransmit

  PeerChange same;
  same.public_key = a->public_key;
  same.preshared_key = preshared.clone();
  b->set_peer(std::move(same));
  lab.run(6s);
  CHECK(b->data_received == 1);
}

TEST_CASE("engine config: a peer whose key is a point of low order is harmless") {
  Lab lab;
  Station& station = lab.add_station("192.0.2.1:1");
  station.start();
  PeerChange low = change_of(0);
  low.endpoint = test::endpoint("192.0.2.9:9");
  low.persistent_keepalive = 1;
  station.set_peer(std::move(low));
  station.send(key_of(0));
  lab.run(30s);
  CHECK(station.messages.empty());
  CHECK(station.engine.sessions().size() == 0);
}

TEST_CASE("engine config: a peer removed in the middle of a handshake leaves nothing behind") {
  Lab lab;
  auto [a, b] = lab.make_pair();
  a->send(b->public_key);  // the initiation is on its way
  PeerChange gone;
  gone.public_key = b->public_key;
  gone.remove = true;
  a->set_peer(std::move(gone));
  CHECK(a->drops.of(XM_DROP_staged_purged) == 1);
  lab.run(30s);
  CHECK(a->drops.of(XM_DROP_handshake_unexpected) == 1);
  CHECK(a->engine.sessions().size() == 0);
  CHECK(a->engine.next_deadline() == kFarFuture);
  CHECK(a->grace.reclaim() == 0);
  // News of it may still come.
  a->post({1, PeerEventKind::want_handshake, 0, {}});
  a->engine.stage(1, std::vector<std::uint8_t>(10), a->at());
  CHECK(a->drops.of(XM_DROP_staged_purged) == 2);
}

}  // namespace
}  // namespace xm
