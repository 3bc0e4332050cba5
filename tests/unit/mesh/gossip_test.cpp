#include "agent/mesh/gossip.hpp"

#include <doctest/doctest.h>

#include "tests/support/gossip_lab.hpp"

namespace xm {
namespace {

using test::GossipDatagram;
using test::GossipLab;

Endpoint stranger() {
  return Endpoint::parse("198.51.100.66:6666").value();
}

// Two that have met.
struct Pair : GossipLab {
  Pair() : GossipLab(2) {
    contact(0, 1);
    pass(3s);
  }
};

TEST_CASE("gossip: a contact by identity and address makes two members with a session") {
  Pair pair;
  for (const std::size_t i : {0U, 1U}) {
    CHECK(pair[i].knows(pair[1 - i]));
    CHECK(pair[i].state_of(pair[1 - i]) == MemberState::alive);
    CHECK(pair[i].gossip->has_session(pair[1 - i].identity));
    CHECK(pair[i].gossip->endpoint_of(pair[1 - i].identity) == pair[1 - i].endpoint);
  }
}

TEST_CASE("gossip: eight nodes that know one find each other") {
  GossipLab lab(8);
  for (std::size_t i = 1; i < 8; ++i) lab.contact(i, 0);
  lab.pass(30s);
  for (std::size_t i = 0; i < 8; ++i) {
    for (std::size_t j = 0; j < 8; ++j) {
      if (i == j) continue;
      REQUIRE(lab[i].knows(lab[j]));
      CHECK(lab[i].state_of(lab[j]) == MemberState::alive);
    }
    CHECK(lab[i].count_of(MemberChange::suspect) == 0);
  }
}

TEST_CASE("gossip: whom the authority does not admit gets no answer") {
  GossipLab lab(1);
  GossipLab foreign(1);
  test::GossipNode outsider(foreign.words, 999, stranger());
  outsider.restart(lab.words.mesh(), lab.now);
  outsider.gossip->contact(lab[0].identity, lab[0].endpoint, lab.now);
  for (GossipAction& action : outsider.gossip->take_actions()) {
    if (const auto* const send = std::get_if<SendDatagram>(&action)) {
      lab.deliver(0, stranger(), send->bytes);
    }
  }
  lab.pass(2s);
  CHECK(lab[0].gossip->counters().not_a_member == 1);
  CHECK(lab.log.empty());
  CHECK(lab[0].gossip->peers() == 0);
}

TEST_CASE("gossip: unauthenticated bytes are met with silence") {
  Pair pair;
  pair.log.clear();
  test::SeededRandom random(9);
  for (std::size_t size = 0; size < 300; ++size) {
    std::vector<std::uint8_t> bytes(size * 4);
    random.fill(bytes);
    const std::array<std::uint8_t, 8> start{0xd8, 'x', 'm', 1, static_cast<std::uint8_t>(size % 7),
                                            0,    0,   0};
    std::copy_n(start.begin(), std::min(start.size(), bytes.size()), bytes.begin());
    pair[1].gossip->receive(bytes, stranger(), pair.now);
  }
  CHECK(pair[1].gossip->take_actions().empty());
}

TEST_CASE("gossip: another mesh's name is another mesh") {
  GossipLab lab(2);
  lab[1].restart("another", lab.now);
  lab.contact(0, 1);
  lab.pass(5s);
  CHECK_FALSE(lab[0].knows(lab[1]));
  CHECK(lab.datagrams_to(lab[0].endpoint) == 0);
  CHECK(lab[1].gossip->counters().bad_mac > 0);
}

TEST_CASE("gossip: replayed datagrams change nothing and get nothing") {
  Pair pair;
  const auto recorded = pair.log;
  pair.log.clear();
  for (const GossipDatagram& datagram : recorded) {
    if (envelope_kind(datagram.bytes) != EnvelopeKind::sealed) continue;
    const std::size_t to = datagram.to == pair[0].endpoint ? 0 : 1;
    pair.deliver(to, stranger(), datagram.bytes);
  }
  CHECK(pair.datagrams_to(stranger()) == 0);
  CHECK(pair[0].gossip->endpoint_of(pair[1].identity) == pair[1].endpoint);
  CHECK(pair[1].gossip->counters().bad_tag > 0);
}

TEST_CASE("gossip: a life's datagrams, hello and all, do not work in the other's next life") {
  Pair pair;
  const auto recorded = pair.log;
  pair[1].restart(pair.words.mesh(), pair.now);
  pair.log.clear();
  pair.filter = [](const GossipDatagram&) { return false; };
  for (const GossipDatagram& datagram : recorded) {
    if (datagram.to == pair[1].endpoint) pair.deliver(1, pair[0].endpoint, datagram.bytes);
  }
  CHECK_FALSE(pair[1].gossip->has_session(pair[0].identity));
  CHECK_FALSE(pair[1].knows(pair[0]));
  CHECK_FALSE(pair[1].gossip->endpoint_of(pair[0].identity).is_set());
}

TEST_CASE("gossip: a replayed hello takes no session away") {
  Pair pair;
  const GossipDatagram hello = pair.last_to(1, EnvelopeKind::hello);
  pair[0].restart(pair.words.mesh(), pair.now);
  pair.contact(0, 1);
  pair.pass(3s);
  REQUIRE(pair[1].gossip->has_session(pair[0].identity));
  pair.deliver(1, stranger(), hello.bytes);
  pair.pass(5s);
  CHECK(pair[1].state_of(pair[0]) == MemberState::alive);
  CHECK(pair[1].gossip->endpoint_of(pair[0].identity) == pair[0].endpoint);
  CHECK(pair[1].count_of(MemberChange::suspect) == 0);
}

TEST_CASE("gossip: reflected datagrams are dropped") {
  Pair pair;
  const GossipDatagram sealed = pair.last_to(1, EnvelopeKind::sealed);
  pair.log.clear();
  pair.deliver(0, pair[1].endpoint, sealed.bytes);
  CHECK(pair.log.empty());
}

TEST_CASE("gossip: an unproven address gets no more bytes than it sent") {
  Pair pair;
  const auto recorded = pair.log;
  // Fresh, authentic datagrams that somebody on the way sends on from another address.
  pair.log.clear();
  std::size_t sent = 0;
  pair.filter = [&](const GossipDatagram& datagram) { return datagram.to != pair[1].endpoint; };
  for (int i = 0; i < 40; ++i) {
    const std::size_t before = pair.log.size();
    pair.pass(500ms);
    for (std::size_t at = before; at < pair.log.size(); ++at) {
      const GossipDatagram datagram = pair.log[at];
      if (datagram.to != pair[1].endpoint) continue;
      sent += datagram.bytes.size();
      pair.deliver(1, stranger(), datagram.bytes);
    }
    CHECK(pair.bytes_to(stranger()) <= sent);
  }
  CHECK(sent > 0);
  CHECK(pair.bytes_to(stranger()) > 0);
  CHECK(pair[1].gossip->endpoint_of(pair[0].identity) == pair[0].endpoint);
  // Hellos of a recorded contact as well.
  for (const GossipDatagram& datagram : recorded) {
    if (envelope_kind(datagram.bytes) != EnvelopeKind::hello) continue;
    const std::size_t before = pair.bytes_to(stranger());
    pair.deliver(1, stranger(), datagram.bytes);
    CHECK(pair.bytes_to(stranger()) - before <= datagram.bytes.size());
  }
}

TEST_CASE("gossip: a member that moves is followed once its new address has echoed") {
  Pair pair;
  const Endpoint moved = Endpoint::parse("203.0.113.5:4000").value();
  pair[0].endpoint = moved;
  pair.pass(5s);
  CHECK(pair[1].gossip->endpoint_of(pair[0].identity) == moved);
  CHECK(pair[1].state_of(pair[0]) == MemberState::alive);
  CHECK(pair[0].state_of(pair[1]) == MemberState::alive);
}

TEST_CASE("gossip: a node that starts again is a member again within seconds") {
  Pair pair;
  pair[1].restart(pair.words.mesh(), pair.now);
  pair.pass(10s);
  CHECK(pair[0].state_of(pair[1]) == MemberState::alive);
  REQUIRE(pair[1].knows(pair[0]));
  CHECK(pair[1].state_of(pair[0]) == MemberState::alive);
}

TEST_CASE("gossip: first contact by an organisation's key") {
  GossipLab lab(2);
  VerifyKey organisation;
  organisation.fill(7);
  lab[1].gossip->set_organisations({organisation});
  lab[0].gossip->contact_organisation(organisation, lab[1].endpoint, lab.now);
  lab.carry_out(lab[0]);
  lab.pass(3s);
  REQUIRE(lab[0].knows(lab[1]));
  REQUIRE(lab[1].knows(lab[0]));

  GossipLab other(2);
  other[0].gossip->contact_organisation(organisation, other[1].endpoint, other.now);
  other.carry_out(other[0]);
  other.pass(3s);
  CHECK_FALSE(other[0].knows(other[1]));
  CHECK(other.datagrams_to(other[0].endpoint) == 0);
}

TEST_CASE("gossip: who answers in another's name takes nothing from a member, and leaves nothing") {
  Pair pair;
  VerifyKey organisation;
  organisation.fill(7);
  const Endpoint liar = Endpoint::parse("192.0.2.9:51820").value();
  pair[0].gossip->contact_organisation(organisation, liar, pair.now);
  pair.carry_out(pair[0]);
  const auto asked = parse_hello(pair.log.back().bytes);
  REQUIRE(asked);
  // With the member's hint, which is the beginning of its key.
  HelloAnswer answer;
  answer.sender = pair[1].identity;
  do {
    ++answer.sender.key.back();
  } while (!answer.sender.wireguard_key());
  answer.echo = asked->challenge;
  const Key mac_key = envelope_mac_key("lab", MacAudience::identity, pair[0].identity.key);
  const std::vector<std::uint8_t> sealed(kFullHelloSize - write_answer(answer, mac_key).size(), 1);
  answer.sealed = sealed;
  pair.deliver(0, liar, write_answer(answer, mac_key));

  CHECK(pair[0].gossip->counters().bad_tag == 1);
  CHECK(pair[0].gossip->peers() == 1);
  const auto before = pair[0].gossip->counters().stale;
  pair.pass(30s);
  CHECK(pair[0].gossip->counters().stale == before);
  CHECK(pair[0].state_of(pair[1]) == MemberState::alive);
  CHECK(pair[1].state_of(pair[0]) == MemberState::alive);
}

TEST_CASE(
    "gossip: a hundred thousand forged joins leave nothing behind, and cost a bounded effort") {
  Pair pair;
  pair.log.clear();
  const std::size_t judged = pair[1].authority.judged;
  const Key mac_key = envelope_mac_key("lab", MacAudience::identity, pair[1].identity.key);
  const std::vector<std::uint8_t> record(200, 1);
  Hello hello{{}, {1}, {2}, {3}, record, {}};
  auto datagram = write_hello(hello, mac_key);
  std::size_t answered = 0;
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    std::array<std::uint8_t, 4> octets{};
    store_be32(octets.data(), 0x0a000000 + i);
    store_le32(hello.sender.key.data(), i);
    // A mac that holds costs the attacker as much as us: one in twenty.
    if (i % 20 == 0) datagram = write_hello(hello, mac_key);
    pair[1].gossip->receive(datagram, {IpAddress::v4(octets.data()), 1, 0}, pair.now);
    for (GossipAction& action : pair[1].gossip->take_actions()) {
      const auto* const send = std::get_if<SendDatagram>(&action);
      REQUIRE(send != nullptr);
      CHECK(send->bytes.size() <= datagram.size());
      ++answered;
    }
  }
  CHECK(pair[1].gossip->peers() == 1);
  CHECK(pair[1].gossip->swim().members().size() == 1);
  CHECK(pair[1].authority.judged - judged <= HelloGuard::kQueue + 1);
  CHECK(answered > 0);  // cookies
  pair.pass(10s);
  CHECK(pair[1].state_of(pair[0]) == MemberState::alive);
}

TEST_CASE("gossip: under a flood a member still gets in, by a cookie") {
  GossipLab lab(2);
  const Key mac_key = envelope_mac_key("lab", MacAudience::identity, lab[1].identity.key);
  const std::vector<std::uint8_t> record(200, 1);
  const auto flood = [&] {
    Hello hello{{}, {1}, {2}, {3}, record, {}};
    for (std::uint32_t i = 0; i < 20; ++i) {
      std::array<std::uint8_t, 4> octets{};
      store_be32(octets.data(), 0x0a000000 + i);
      lab.deliver(1, {IpAddress::v4(octets.data()), 1, 0}, write_hello(hello, mac_key));
    }
  };
  flood();
  lab.contact(0, 1);
  for (int i = 0; i < 500; ++i) {
    flood();
    lab.pass(10ms);
  }
  CHECK(lab[0].gossip->has_session(lab[1].identity));
  CHECK(lab[1].gossip->has_session(lab[0].identity));
  CHECK(lab[1].gossip->counters().wanted_cookie > 0);
}

TEST_CASE("gossip: two nodes with one identity learn of it") {
  GossipLab lab(4);
  for (std::size_t i = 1; i < 4; ++i) lab.contact(i, 0);
  lab.pass(5s);
  // Node 3's key runs a second time, elsewhere.
  auto twin = std::make_unique<test::GossipNode>(lab.words, 103,
                                                 Endpoint::parse("192.0.2.99:51820").value());
  REQUIRE(twin->identity == lab[3].identity);
  BootId skipped;  // or its boot id would be the same as well
  twin->random.fill(skipped);
  twin->restart(lab.words.mesh(), lab.now);
  lab.nodes.push_back(std::move(twin));
  lab.contact(4, 0);
  lab.contact(4, 1);
  lab.pass(60s);
  CHECK(lab[3].duplicates + lab[4].duplicates > 0);
}

TEST_CASE("gossip: who is removed has no session, and no way back without the authority") {
  Pair pair;
  pair[1].gossip->remove(pair[0].identity, pair.now);
  pair.carry_out(pair[1]);
  CHECK_FALSE(pair[1].gossip->has_session(pair[0].identity));
  CHECK_FALSE(pair[1].knows(pair[0]));
}

TEST_CASE("gossip: a leave is seen as such by the others") {
  GossipLab lab(3);
  lab.contact(1, 0);
  lab.contact(2, 0);
  lab.pass(5s);
  lab[2].gossip->leave(lab.now);
  lab.carry_out(lab[2]);
  lab.pass(3s);
  CHECK(lab[0].state_of(lab[2]) == MemberState::left);
  CHECK(lab[1].state_of(lab[2]) == MemberState::left);
  CHECK(lab[0].count_of(MemberChange::suspect) == 0);
}

TEST_CASE("gossip: no datagram is larger than what every path carries") {
  GossipLab lab(8);
  for (std::size_t i = 1; i < 8; ++i) lab.contact(i, 0);
  lab.pass(20s);
  for (const GossipDatagram& datagram : lab.log) CHECK(datagram.bytes.size() <= kMaxGossipDatagram);
}

}  // namespace
}  // namespace xm
