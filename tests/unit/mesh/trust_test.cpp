#include "agent/mesh/trust.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "agent/mesh/armour.hpp"
#include "tests/unit/mesh/trust_samples.hpp"

namespace xm {
namespace {

using test::bare_record;
using test::delegated_chain;
using test::direct_chain;
using test::files_trusting_node;
using test::files_trusting_organisation;
using test::kDelegate;
using test::kNow;
using test::kOrganisation;
using test::kOtherOrganisation;
using test::revocation_of;
using test::sample_grants;
using test::sample_record;
using test::store_of;

bool says(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}
NamedText revocation_file(const SignedRevocation& revocation) {
  return {"r", armour("revocation", revocation.bytes())};
}

}  // namespace

TEST_CASE("trust: without anything trusted nobody is a member") {
  const TrustStore store = store_of({});
  CHECK(store.is_empty());
  CHECK_FALSE(store.decide(sample_record(), nullptr, kNow).member);
  for (const CertificateChain& chain : {direct_chain(), delegated_chain()}) {
    const Decision decision = store.decide(sample_record(), &chain, kNow);
    CHECK_FALSE(decision.member);
    CHECK(says(decision.reason, "not trusted here"));
    CHECK(decision.names.empty());
    CHECK(decision.subnets.empty());
  }
}

TEST_CASE("trust: an authorized node is a member and has nothing that is not granted") {
  const TrustStore store = store_of(files_trusting_node(1));
  const Decision decision = store.decide(sample_record(), nullptr, kNow);
  CHECK(decision.member);
  CHECK(decision.reason == "authorized key laptop");
  CHECK(decision.names.empty());
  CHECK(decision.addresses.empty());
  CHECK(decision.subnets.empty());
  CHECK(decision.refused.size() == 6);
  CHECK(decision.until == 0);
  CHECK(store.is_authorized(test::identity_number(1)));
  CHECK_FALSE(store.decide(sample_record(2), nullptr, kNow).member);
  CHECK_FALSE(store.is_authorized(test::identity_number(2)));
}

TEST_CASE("trust: of its wishes a node gets those that its entry grants") {
  const TrustStore store = store_of(files_trusting_node(1, sample_grants()));
  const Decision decision = store.decide(sample_record(), nullptr, kNow);
  CHECK(decision.names == std::vector<std::string>{"gate", "web-1"});
  CHECK(decision.addresses == std::vector{test::address("10.9.0.1")});
  CHECK(decision.subnets == std::vector{test::prefix("192.168.4.0/24")});
  CHECK(decision.refused ==
        std::vector<std::string>{"address fd00:9::1", "subnet 2001:db8:4::/48"});
}

TEST_CASE("trust: a certificate of a trusted organisation makes a member, until it expires") {
  const TrustStore store = store_of(files_trusting_organisation());
  for (const CertificateChain& chain : {direct_chain(), delegated_chain()}) {
    const Decision decision = store.decide(sample_record(), &chain, kNow);
    CHECK(decision.member);
    CHECK(decision.reason == "certificate of organisation acme");
    CHECK(decision.subnets == std::vector{test::prefix("192.168.4.0/24")});
    CHECK(decision.until == chain.expires());
    const Decision later = store.decide(sample_record(), &chain, decision.until);
    CHECK_FALSE(later.member);
    CHECK(says(later.reason, "expired"));
    CHECK(later.subnets.empty());
  }
  CHECK_FALSE(store.decide(sample_record(), nullptr, kNow).member);
  const CertificateChain foreign = direct_chain(1, kOtherOrganisation);
  CHECK_FALSE(store.decide(sample_record(), &foreign, kNow).member);
}

TEST_CASE("trust: an organisation's limits hold against its certificates") {
  const TrustStore store =
      store_of(files_trusting_organisation({{}, {}, {test::prefix("192.168.4.0/23")}}));
  const CertificateChain chain = direct_chain();
  const Decision decision = store.decide(sample_record(), &chain, kNow);
  CHECK(decision.member);
  CHECK(decision.names.empty());
  CHECK(decision.addresses.empty());
  CHECK(decision.subnets == std::vector{test::prefix("192.168.4.0/24")});
}

TEST_CASE("trust: an authorized node with a certificate has what either grants") {
  TrustFiles files = files_trusting_organisation();
  files.authorized_keys =
      files_trusting_node(1, {{}, {}, {test::prefix("2001:db8::/32")}}).authorized_keys;
  const TrustStore store = store_of(files);
  const CertificateChain chain = direct_chain();
  Decision decision = store.decide(sample_record(), &chain, kNow);
  CHECK(decision.subnets.size() == 2);
  // The certificate's end ends what it granted and nothing else.
  decision = store.decide(sample_record(), &chain, decision.until);
  CHECK(decision.member);
  CHECK(decision.subnets == std::vector{test::prefix("2001:db8:4::/48")});
}

TEST_CASE("trust: a revoked member is out, and so is whom a revoked delegate signed") {
  TrustStore store = store_of(files_trusting_organisation());
  const CertificateChain direct = direct_chain(1);
  const CertificateChain delegated = delegated_chain(2);
  CHECK(store.add(revocation_of(1)) == RevocationOutcome::added);
  CHECK(says(store.decide(bare_record(1), &direct, kNow).reason, "revoked it"));
  CHECK(store.decide(bare_record(2), &delegated, kNow).member);
  CHECK(store.add(revocation_of(kDelegate)) == RevocationOutcome::added);
  CHECK(says(store.decide(bare_record(2), &delegated, kNow).reason, "revoked the delegate"));
  // The same node with a certificate of the organisation itself is in.
  const CertificateChain again = direct_chain(2);
  CHECK(store.decide(bare_record(2), &again, kNow).member);
}

TEST_CASE("trust: a revocation beats certificates that are made later") {
  TrustStore store = store_of(files_trusting_organisation());
  CHECK(store.add(revocation_of(1, kOrganisation, kNow - 100 * kDay)) == RevocationOutcome::added);
  const CertificateChain chain = direct_chain(1);
  CHECK_FALSE(store.decide(bare_record(1), &chain, kNow).member);
}

TEST_CASE("trust: a revocation counts for its own organisation only, and when that is trusted") {
  TrustStore store = store_of(files_trusting_organisation());
  CHECK(store.add(revocation_of(1, kOtherOrganisation)) == RevocationOutcome::foreign);
  CHECK(store.revocations().empty());
  const CertificateChain chain = direct_chain(1);
  CHECK(store.decide(bare_record(1), &chain, kNow).member);
}

TEST_CASE("trust: a revocation does not touch a node that is authorized by itself") {
  TrustFiles files = files_trusting_organisation();
  files.authorized_keys = files_trusting_node(1).authorized_keys;
  TrustStore store = store_of(files);
  CHECK(store.add(revocation_of(1)) == RevocationOutcome::added);
  const CertificateChain chain = direct_chain(1);
  const Decision decision = store.decide(sample_record(), &chain, kNow);
  CHECK(decision.member);
  CHECK(decision.names.empty());  // what the certificate granted is gone
  CHECK(decision.until == 0);
}

TEST_CASE("trust: what a reload finds new is told once, however many there were before") {
  TrustFiles files = files_trusting_organisation();
  files.revocations = {revocation_file(revocation_of(1)), revocation_file(revocation_of(2))};
  TrustStore store = store_of(files);
  CHECK(store.take_found().size() == 2);
  CHECK(store.take_found().empty());
  CHECK(store.load(files).empty());
  CHECK(store.take_found().empty());
  // One file less and one more: the first stays held, for who has once been revoked stays so.
  files.revocations = {revocation_file(revocation_of(2)), revocation_file(revocation_of(3))};
  CHECK(store.load(files).empty());
  const auto found = store.take_found();
  REQUIRE(found.size() == 1);
  CHECK(found.front().revocation().key == revocation_of(3).revocation().key);
}

TEST_CASE("trust: the order of revocations and reloads makes no difference") {
  constexpr std::uint32_t kSeed = 20260727;
  CAPTURE(kSeed);
  std::mt19937 random(kSeed);
  std::vector<SignedRevocation> all;
  for (std::uint8_t number = 1; number <= 8; number += 2) {
    all.push_back(revocation_of(number));
    all.push_back(revocation_of(number, kOrganisation, kNow + 5));
    all.push_back(revocation_of(number, kOtherOrganisation));
  }
  all.push_back(revocation_of(kDelegate));
  std::vector<CertificateChain> chains;
  for (std::uint8_t number = 1; number <= 8; ++number) {
    chains.push_back(direct_chain(number));
    chains.push_back(delegated_chain(number));
  }
  std::vector<std::string> first;
  for (int round = 0; round < 30; ++round) {
    std::shuffle(all.begin(), all.end(), random);
    TrustStore store;
    TrustFiles files = files_trusting_organisation();
    CHECK(store.load(files).empty());
    const std::size_t reload_at = random() % all.size();
    for (std::size_t i = 0; i < all.size(); ++i) {
      store.add(all[i]);
      if (i == reload_at) CHECK(store.load(files).empty());
    }
    std::vector<std::string> outcome;
    for (std::size_t i = 0; i < chains.size(); ++i) {
      const auto number = static_cast<std::uint8_t>(1 + i / 2);
      const Decision decision = store.decide(bare_record(number), &chains[i], kNow);
      CHECK(decision.member == (number % 2 == 0 && i % 2 == 0));
      outcome.push_back(decision.reason);
    }
    for (const SignedRevocation* held : store.revocations()) {
      outcome.push_back(test::to_hex(held->bytes()));
    }
    if (first.empty()) first = outcome;
    CHECK(outcome == first);
  }
}

TEST_CASE("trust: a revocation is known the second time, and a longer-lived one replaces it") {
  TrustStore store = store_of(files_trusting_organisation());
  CHECK(store.add(revocation_of(1, kOrganisation, kNow)) == RevocationOutcome::added);
  CHECK(store.add(revocation_of(1, kOrganisation, kNow)) == RevocationOutcome::known);
  CHECK(store.add(revocation_of(1, kOrganisation, kNow - 1)) == RevocationOutcome::known);
  CHECK(store.add(revocation_of(1, kOrganisation, kNow + 1)) == RevocationOutcome::added);
  REQUIRE(store.revocations().size() == 1);
  const UnixSeconds expires = store.revocations()[0]->revocation().life.expires;
  store.forget_expired(expires + 30 * kDay);
  CHECK(store.revocations().size() == 1);
  store.forget_expired(expires + 30 * kDay + 1);
  CHECK(store.revocations().empty());
}

TEST_CASE("trust: a revocation on disk counts, and one that is gone from there still does") {
  TrustFiles files = files_trusting_organisation();
  files.revocations.push_back(revocation_file(revocation_of(1)));
  TrustStore store = store_of(files);
  const CertificateChain chain = direct_chain(1);
  CHECK_FALSE(store.decide(bare_record(1), &chain, kNow).member);
  files.revocations.clear();
  CHECK(store.load(files).empty());
  CHECK_FALSE(store.decide(bare_record(1), &chain, kNow).member);
}

TEST_CASE("trust: a denial shuts out whoever vouches") {
  TrustFiles files = files_trusting_organisation();
  files.authorized_keys = files_trusting_node(1).authorized_keys;
  files.revocations.push_back({"d", denial_text({test::identity_number(1)})});
  const TrustStore store = store_of(files);
  const CertificateChain chain = direct_chain(1);
  const Decision decision = store.decide(bare_record(1), &chain, kNow);
  CHECK_FALSE(decision.member);
  CHECK(says(decision.reason, "denied here"));
  CHECK_FALSE(store.is_authorized(test::identity_number(1)));
}

TEST_CASE("trust: a fault in a file takes trust away and never gives any") {
  TrustFiles files = files_trusting_organisation();
  files.authorized_keys = files_trusting_node(1).authorized_keys;
  files.authorized_keys.push_back({"broken", "xdp-mesh-trust 1\nkey xm1zzz\n"});
  files.revocations.push_back({"garbled", "xdp-mesh-revocation 1\nbytes aaaa\n"});
  TrustStore store;
  const auto faults = store.load(files);
  REQUIRE(faults.size() == 2);
  CHECK(says(faults[0], "broken: line 2: expected a key of the kind \"node\""));
  CHECK(says(faults[1], "garbled: line 2"));
  CHECK(says(faults[1], "no certificate counts"));
  CHECK(store.decide(bare_record(1), nullptr, kNow).member);
  const CertificateChain chain = direct_chain(2);
  const Decision decision = store.decide(bare_record(2), &chain, kNow);
  CHECK_FALSE(decision.member);
  CHECK(says(decision.reason, "a revocation cannot be read"));
  files.revocations.clear();
  CHECK(store.load(files).size() == 1);
  CHECK(store.decide(bare_record(2), &chain, kNow).member);
}

TEST_CASE("trust: reloading takes away who is no longer in the files") {
  TrustStore store = store_of(files_trusting_node(1));
  CHECK(store.decide(bare_record(1), nullptr, kNow).member);
  CHECK(store.load(files_trusting_organisation()).empty());
  CHECK_FALSE(store.decide(bare_record(1), nullptr, kNow).member);
  CHECK(store.organisations() == std::vector{test::public_number(kOrganisation)});
  CHECK(store.load({}).empty());
  CHECK(store.is_empty());
}

TEST_CASE("trust: a key in two entries is reported, and the first counts") {
  TrustFiles files = files_trusting_node(1, sample_grants());
  files.authorized_keys.push_back(files_trusting_node(1).authorized_keys[0]);
  files.authorized_keys[1].name = "again";
  TrustStore store;
  const auto faults = store.load(files);
  REQUIRE(faults.size() == 1);
  CHECK(says(faults[0], "again: xm1"));
  CHECK(store.decide(sample_record(), nullptr, kNow).subnets.size() == 1);
}

}  // namespace xm
