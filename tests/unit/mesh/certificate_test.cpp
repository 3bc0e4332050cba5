#include "agent/mesh/certificate.hpp"

#include <doctest/doctest.h>

#include <functional>

#include "agent/mesh/record.hpp"
#include "tests/unit/mesh/golden.hpp"
#include "tests/unit/mesh/trust_samples.hpp"

namespace xm {
namespace {

using test::Buffer;
using test::certificate_for;
using test::copy_of;
using test::delegated_chain;
using test::direct_chain;
using test::identity_number;
using test::kDelegate;
using test::kNow;
using test::kOrganisation;
using test::kOtherDelegate;
using test::prefix;
using test::signed_certificate;

bool says(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}
std::string fault(const CertificateChain& chain, UnixSeconds now = kNow,
                  const std::string& mesh = "office") {
  return chain_fault(chain, identity_number(1), mesh, now);
}
// The chain of a delegate whose certificate, and of a member whose certificate, are changed.
std::string changed(const std::function<void(Certificate& delegate, Certificate& member)>& change) {
  Certificate delegate = certificate_for(kDelegate);
  Certificate member = certificate_for(1, kDelegate);
  change(delegate, member);
  return fault(
      {signed_certificate(member, kDelegate), signed_certificate(delegate, kOrganisation)});
}
std::string sign_fault(const std::function<void(Certificate&)>& change) {
  Certificate certificate = certificate_for(1);
  change(certificate);
  const auto made = SignedCertificate::sign(certificate, test::key_number(kOrganisation));
  return made.ok() ? "" : made.error().what;
}

}  // namespace

TEST_CASE("certificate: its bytes and its chain are what a released version wrote") {
  CHECK(test::to_hex(direct_chain().member.bytes()) == test::golden("certificate.hex"));
  CHECK(test::to_hex(encode_chain(delegated_chain())) == test::golden("chain.hex"));
}

TEST_CASE("certificate: a chain that was encoded is opened again") {
  for (const CertificateChain& chain : {direct_chain(), delegated_chain()}) {
    const auto bytes = encode_chain(chain);
    CHECK(bytes.size() <= kMaxChainSize);
    const auto opened = open_chain(bytes);
    REQUIRE(opened.ok());
    CHECK(opened.value().member.certificate() == chain.member.certificate());
    CHECK(opened.value().delegate.has_value() == chain.delegate.has_value());
    CHECK(encode_chain(opened.value()) == bytes);
    CHECK(opened.value().organisation() == test::public_number(kOrganisation));
    CHECK(fault(opened.value()).empty());
  }
}

TEST_CASE("certificate: no bit of a chain can be changed, and none cut off or added") {
  const Buffer bytes = encode_chain(delegated_chain());
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    Buffer altered = bytes;
    altered[bit / 8] = static_cast<std::uint8_t>(altered[bit / 8] ^ 1U << bit % 8);
    CHECK_FALSE(open_chain(altered).ok());
  }
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK_FALSE(open_chain(Bytes(bytes).first(size)).ok());
  }
  Buffer longer = bytes;
  longer.push_back(0);
  CHECK_FALSE(open_chain(longer).ok());
}

TEST_CASE("certificate: it serves its subject and its mesh alone") {
  CHECK(fault(direct_chain()).empty());
  CHECK(says(fault(direct_chain(2)), "another's"));
  Certificate bound = certificate_for(1);
  bound.mesh = "office";
  const CertificateChain chain{signed_certificate(bound, kOrganisation), std::nullopt};
  CHECK(fault(chain).empty());
  CHECK(says(fault(chain, kNow, "lab"), "another mesh"));
}

TEST_CASE("certificate: it ends to the second, and begins within the clocks' tolerance") {
  const CertificateChain chain = direct_chain();
  const Lifetime life = chain.member.certificate().life;
  CHECK(fault(chain, life.expires - 1).empty());
  CHECK(says(fault(chain, life.expires), "has expired"));
  CHECK(fault(chain, life.issued - kClockTolerance).empty());
  CHECK(says(fault(chain, life.issued - kClockTolerance - 1), "of the future"));
  CHECK(chain.expires() == life.expires);
}

TEST_CASE("certificate: a delegate's end is its members' end") {
  Certificate delegate = certificate_for(kDelegate);
  delegate.life.issued = kNow - 10;
  delegate.life.expires = kNow + 10;
  Certificate member = certificate_for(1, kDelegate);
  member.life.expires = kNow + 10;
  const CertificateChain chain{signed_certificate(member, kDelegate),
                               signed_certificate(delegate, kOrganisation)};
  CHECK(fault(chain).empty());
  CHECK(chain.expires() == kNow + 10);
  CHECK(says(fault(chain, kNow + 10), "expired"));
}

TEST_CASE("certificate: a delegation cannot widen") {
  CHECK(changed([](Certificate&, Certificate&) {}).empty());
  CHECK(changed([](Certificate&, Certificate& m) { m.grants = {}; }).empty());
  CHECK(changed([](Certificate&, Certificate& m) {
          m.grants = {{"web-7"}, {prefix("10.9.0.128/25")}, {prefix("192.168.4.0/24")}};
        }).empty());
  for (const auto& wider : std::vector<std::function<void(Certificate&, Certificate&)>>{
           [](Certificate&, Certificate&m) { m.grants.names = {"*"}; },
           [](Certificate&, Certificate&m) { m.grants.names = {"web*"}; },
           [](Certificate&, Certificate&m) { m.grants.names.push_back("db"); },
           [](Certificate&, Certificate&m) { m.grants.addresses = {prefix("10.9.0.0/23")}; },
           [](Certificate&, Certificate&m) { m.grants.addresses.push_back(prefix("fd00::1")); },
           [](Certificate&, Certificate&m) { m.grants.subnets = {prefix("0.0.0.0/0")}; },
           [](Certificate&, Certificate&m) { m.grants.subnets = {prefix("::/0")}; },
           [](Certificate&, Certificate&m) { m.grants.subnets = {prefix("192.168.0.0/15")}; },
           [](Certificate&d, Certificate&) { d.grants = {}; }}) {
    CHECK(says(changed(wider), "more than it may"));
  }
  CHECK(says(changed([](Certificate& d, Certificate&) { d.mesh = "office"; }), "only"));
  CHECK(changed([](Certificate& d, Certificate& m) { d.mesh = m.mesh = "office"; }).empty());
  CHECK(says(changed([](Certificate&, Certificate& m) { ++m.life.expires; }), "outlives"));
}

TEST_CASE("certificate: no second level, and nobody is a delegate who was not made one") {
  // A member signs a member.
  Certificate pretended = certificate_for(1, 2);
  CHECK(says(fault({signed_certificate(pretended, 2),
                    signed_certificate(certificate_for(2), kOrganisation)}),
             "no delegate"));
  // A delegate's certificate of itself does not make a member.
  Certificate promoted = certificate_for(1);
  promoted.kind = CertificateKind::delegate;
  CHECK(says(fault({signed_certificate(promoted, kOrganisation), std::nullopt}), "no member's"));
  // A delegate makes a delegate: its certificate would be the chain's end, and its issuer is no
  // organisation that anyone trusts.
  const CertificateChain two_levels{
      signed_certificate(certificate_for(1, kOtherDelegate), kOtherDelegate),
      signed_certificate(certificate_for(kOtherDelegate, kDelegate), kDelegate)};
  CHECK(two_levels.organisation() == test::public_number(kDelegate));
  // Another delegate's certificate does not serve.
  CHECK(says(fault({signed_certificate(certificate_for(1, kDelegate), kDelegate),
                    signed_certificate(certificate_for(kOtherDelegate), kOrganisation)}),
             "another's"));
}

TEST_CASE("certificate: what cannot be signed is refused by name") {
  CHECK(sign_fault([](Certificate&) {}).empty());
  CHECK(says(sign_fault([](Certificate& c) { c.mesh = "Office"; }), "mesh name"));
  CHECK(says(sign_fault([](Certificate& c) { c.subject = c.issuer; }), "its own issuer"));
  CHECK(says(sign_fault([](Certificate& c) { c.subject = {}; }), "no key"));
  CHECK(says(sign_fault([](Certificate& c) { c.life.expires = c.life.issued; }), "expires"));
  CHECK(
      says(sign_fault([](Certificate& c) { c.life.expires += kMostCertificateLife; }), "5 years"));
  CHECK(says(sign_fault([](Certificate& c) {
               c.issuer = test::public_number(1);
               c.subject = {};
             }),
             "key of its issuer"));
  CHECK(says(sign_fault([](Certificate& c) { c.grants.names = {"We*b"}; }), "the one form"));
  CHECK(says(sign_fault([](Certificate& c) {
               for (char name = 'a'; name < 'j'; ++name) c.grants.names.emplace_back(1, name);
             }),
             "at most 8"));
  CHECK(says(sign_fault([](Certificate& c) {
               c.grants.names = {std::string(60, 'a'), std::string(60, 'b')};
             }),
             "fewer or shorter grants"));
}

}  // namespace xm
