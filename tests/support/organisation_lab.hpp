// A mesh lab whose nodes are an organisation's.
#pragma once

#include <string>
#include <utility>

#include "agent/mesh/armour.hpp"
#include "tests/support/mesh_lab.hpp"

namespace xm::test {

inline SignedCertificate certificate(const SigningKey& organisation, const Identity& member,
                                     const Lifetime& life) {
  Certificate wanted;
  wanted.issuer = verify_key(organisation);
  wanted.subject = member.key;
  wanted.life = life;
  auto made = SignedCertificate::sign(wanted, organisation);
  REQUIRE(made.ok());
  return std::move(*made);
}

// A lab whose nodes trust nothing but one organisation, which has certified them all.
struct OrganisationLab : MeshLab {
  explicit OrganisationLab(std::size_t count, UnixSeconds life = kDay)
      : MeshLab(count), random(9), organisation(generate_signing_key(random)) {
    for (const auto& node : nodes) {
      node->files.organisations.push_back({"acme", trust_text({{.kind = KeyKind::organisation,
                                                                .key = verify_key(organisation),
                                                                .label = "acme",
                                                                .grants = Grants::everything()}})});
      node->chain = CertificateChain{
          certificate(organisation, node->identity, {seconds() - 60, seconds() + life}), {}};
    }
  }
  void revoke(std::size_t where, std::size_t whom) {
    revoke_key(where, nodes[whom]->identity.key);
    reload(where);
  }
  // From the next start or reload of that node on.
  void revoke_key(std::size_t where, const VerifyKey& key) {
    auto made = SignedRevocation::sign(key, seconds(), organisation);
    REQUIRE(made.ok());
    nodes[where]->files.revocations.push_back({"gone", armour("revocation", made.value().bytes())});
  }
  // Of strangers, a key for each.
  void revoke_many(std::size_t where, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      VerifyKey key{};
      random.fill(key);
      revoke_key(where, key);
    }
  }

  test::SeededRandom random;
  SigningKey organisation;
};

}  // namespace xm::test
