// Revocations in whole nodes: how they get round, and to whom is told what it missed.
#include <doctest/doctest.h>

#include "tests/support/organisation_lab.hpp"

namespace xm {
namespace {

using test::certificate;
using test::OrganisationLab;

std::size_t held(const test::MeshLabNode& node) {
  return node.mesh->authority().trust().revocation_count();
}

}  // namespace

TEST_CASE("a revocation goes round, is to be kept, and puts its node out everywhere") {
  OrganisationLab lab(5);
  lab.start_all();
  lab.pass(30s);
  REQUIRE(lab.pairs() == 20);
  lab.revoke(1, 4);
  CHECK(lab[1].peer(lab[4]) == nullptr);
  lab.pass(5s);
  for (std::size_t i = 0; i < 4; ++i) {
    CAPTURE(i);
    CHECK(lab[i].peer(lab[4]) == nullptr);
    CHECK(lab[i].member(lab[4]) == nullptr);
    CHECK(lab[i].learnt.size() == (i == 1 ? 0U : 1U));
  }
  lab.pass(120s);
  CHECK(lab[0].peer(lab[4]) == nullptr);
}

TEST_CASE("who is revoked while it is a member hears it, and says so with what to do") {
  OrganisationLab lab(3);
  lab.start_all();
  lab.pass(30s);
  REQUIRE(lab.pairs() == 6);
  CHECK_FALSE(lab[2].has_fault("certificate"));
  lab.revoke(0, 2);
  lab.pass(5s);
  CHECK(lab[2].has_fault("this node's certificate makes it no member: its organisation, xo1"));
  CHECK(lab[2].has_fault("revoked this node's key, " + lab[2].identity.to_string()));
  CHECK(lab[2].has_fault("xdp-mesh keygen"));
  CHECK(lab[2].learnt.size() == 1);  // told by two, kept once
  CHECK_FALSE(lab[1].has_fault("certificate"));
}

TEST_CASE("who finds its own revocation on its disk says so, with a new certificate too") {
  OrganisationLab lab(2);
  lab.start_all();
  lab.revoke(1, 1);
  CHECK(lab[1].has_fault("revoked this node's key"));
  CHECK_FALSE(lab[0].has_fault("revoked"));
  lab[1].chain = CertificateChain{
      certificate(lab.organisation, lab[1].identity, {lab.seconds(), lab.seconds() + 90 * kDay}),
      {}};
  lab.reload(1);
  CHECK(lab[1].has_fault("revoked this node's key"));
  lab[1].chain.reset();
  lab.reload(1);
  CHECK_FALSE(lab[1].has_fault("revoked"));
}

TEST_CASE("whose delegate is revoked says so, and asks for a new certificate") {
  OrganisationLab lab(2);
  const SigningKey delegate = generate_signing_key(lab.random);
  Certificate wanted;
  wanted.kind = CertificateKind::delegate;
  wanted.issuer = verify_key(lab.organisation);
  wanted.subject = verify_key(delegate);
  wanted.grants = Grants::everything();
  wanted.life = {lab.seconds() - 60, lab.seconds() + 300 * kDay};
  auto chained = SignedCertificate::sign(wanted, lab.organisation);
  REQUIRE(chained.ok());
  lab[1].chain = CertificateChain{
      certificate(delegate, lab[1].identity, {lab.seconds() - 60, lab.seconds() + 90 * kDay}),
      std::move(*chained)};
  lab.start_all();
  lab.pass(30s);
  REQUIRE(lab.pairs() == 2);
  CHECK_FALSE(lab[1].has_fault("certificate"));
  lab.revoke_key(0, verify_key(delegate));
  lab.reload(0);
  lab.pass(5s);
  CHECK(lab[0].peer(lab[1]) == nullptr);
  CHECK(lab[1].has_fault("revoked the delegate who signed it, " +
                         key_text(KeyKind::delegate, verify_key(delegate))));
  CHECK(lab[1].has_fault("xdp-mesh org sign " + lab[1].identity.to_string()));
  CHECK_FALSE(lab[1].has_fault("keygen"));
}

TEST_CASE("what was revoked while a network was parted is told as soon as it meets") {
  OrganisationLab lab(4);
  lab.start_all();
  lab.pass(30s);
  lab[2].side = lab[3].side = 1;
  lab.pass(240s);
  lab.revoke(0, 3);
  lab.pass(10s);
  CHECK(lab[2].peer(lab[3]) != nullptr);  // it could not know
  lab[2].side = lab[3].side = 0;
  for (int i = 0; i < 600 && lab[2].peer(lab[0]) == nullptr; ++i) lab.pass(100ms);
  REQUIRE(lab[2].peer(lab[0]) != nullptr);
  lab.pass(100ms);
  CHECK(lab[2].peer(lab[3]) == nullptr);
}

TEST_CASE("a member that is met hears all revocations, however many they are") {
  OrganisationLab lab(3);
  lab.revoke_many(0, 1000);
  lab.start_all();
  lab.pass(1s);
  CHECK(held(lab[1]) > 128);
  CHECK(held(lab[1]) < 1000);  // paced
  lab.pass(30s);
  for (const std::size_t other : {1U, 2U}) {
    CHECK(held(lab[other]) == 1000);
    CHECK(lab[other].learnt.size() == 1000);
  }
}

TEST_CASE("all revocations come through to a member that is alone with us on a lossy network") {
  OrganisationLab lab(2);
  lab.revoke_many(0, 300);
  lab.start_all();
  lab.lost_in_hundred = 20;
  lab.pass(120s);
  CHECK(held(lab[1]) == 300);
}

TEST_CASE("what was not told yet when a network is parted is told when it meets") {
  OrganisationLab lab(2);
  lab.revoke_many(0, 1000);
  lab.start_all();
  lab.pass(1s);
  REQUIRE(held(lab[1]) < 1000);
  lab[1].side = 1;
  lab.pass(240s);
  CHECK(held(lab[1]) < 1000);
  lab[1].side = 0;
  lab.pass(60s);
  CHECK(held(lab[1]) == 1000);
}

TEST_CASE("no datagram with revocations is larger than any other may be") {
  OrganisationLab lab(2);
  lab.revoke_many(0, 200);
  lab.start_all();
  lab.pass(30s);
  REQUIRE(held(lab[1]) == 200);
  CHECK(lab.largest > kMaxGossipDatagram - 200);  // full pages
  CHECK(lab.largest <= kMaxGossipDatagram);
}

TEST_CASE("two that hold the same revocations say so once, and are silent about them") {
  OrganisationLab lab(2);
  lab.revoke_many(0, 500);
  lab[1].files.revocations = lab[0].files.revocations;
  lab.start_all();
  lab.pass(60s);
  const std::size_t before = lab.sent_bytes;
  lab.pass(60s);
  CHECK(lab.sent_bytes - before < 60'000);  // pings
  CHECK(lab[1].learnt.empty());
}

TEST_CASE("who trusts an organisation later asks for what it has revoked") {
  OrganisationLab lab(3);
  // Node 0 knows node 1 alone, and none of the organisation's words.
  const auto organisations = std::exchange(lab[0].files.organisations, {});
  lab.trust(0, 1);
  lab.revoke_key(1, lab[2].identity.key);
  for (const std::size_t i : {0U, 1U}) lab.start(i);
  lab.contact(0, 1);
  lab.pass(60s);
  REQUIRE(lab[0].holds_alive(lab[1]));
  REQUIRE(held(lab[1]) == 1);
  REQUIRE(held(lab[0]) == 0);

  lab[0].files.organisations = organisations;
  lab.reload(0);
  lab.pass(5s);
  CHECK(held(lab[0]) == 1);
  lab.start(2);
  lab.contact(2, 0);
  lab.pass(10s);
  CHECK(lab[0].member(lab[2]) == nullptr);
}

}  // namespace xm
