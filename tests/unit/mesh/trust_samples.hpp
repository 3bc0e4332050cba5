// Organisations, their certificates and what trusts them, for tests of agent/mesh.
#pragma once

#include "agent/mesh/certificate.hpp"
#include "agent/mesh/revocation.hpp"
#include "agent/mesh/trust.hpp"
#include "tests/unit/mesh/samples.hpp"

namespace xm::test {

// Key numbers: nodes from 1 on, the organisations 200 and 201, delegates 210 and 211.
inline constexpr std::uint8_t kOrganisation = 200;
inline constexpr std::uint8_t kOtherOrganisation = 201;
inline constexpr std::uint8_t kDelegate = 210;
inline constexpr std::uint8_t kOtherDelegate = 211;

inline VerifyKey public_number(std::uint8_t number) {
  return verify_key(key_number(number));
}

inline Grants sample_grants() {
  return {{"gate", "web-*"}, {prefix("10.9.0.0/24")}, {prefix("192.168.0.0/16")}};
}

inline Certificate certificate_for(std::uint8_t subject, std::uint8_t issuer = kOrganisation) {
  Certificate certificate;
  certificate.kind = subject >= kDelegate ? CertificateKind::delegate : CertificateKind::member;
  certificate.issuer = public_number(issuer);
  certificate.subject = public_number(subject);
  certificate.grants = sample_grants();
  certificate.life = {kNow - kDay, kNow + 30 * kDay};
  return certificate;
}

inline SignedCertificate signed_certificate(const Certificate& certificate, std::uint8_t issuer) {
  auto made = SignedCertificate::sign(certificate, key_number(issuer));
  REQUIRE_MESSAGE(made.ok(), (made.ok() ? "" : made.error().what));
  return std::move(made).value();
}

inline CertificateChain direct_chain(std::uint8_t subject = 1,
                                     std::uint8_t organisation = kOrganisation) {
  return {signed_certificate(certificate_for(subject, organisation), organisation), std::nullopt};
}

inline CertificateChain delegated_chain(std::uint8_t subject = 1,
                                        std::uint8_t delegate = kDelegate) {
  return {signed_certificate(certificate_for(subject, delegate), delegate),
          signed_certificate(certificate_for(delegate), kOrganisation)};
}

inline SignedRevocation revocation_of(std::uint8_t subject,
                                      std::uint8_t organisation = kOrganisation,
                                      UnixSeconds at = kNow) {
  auto made = SignedRevocation::sign(public_number(subject), at, key_number(organisation));
  REQUIRE(made.ok());
  return std::move(made).value();
}

inline TrustFiles files_trusting_node(std::uint8_t number, Grants grants = {}) {
  TrustFiles files;
  files.authorized_keys.push_back({"node", trust_text({{.kind = KeyKind::node,
                                                        .key = public_number(number),
                                                        .label = "laptop",
                                                        .grants = std::move(grants)}})});
  return files;
}

inline TrustFiles files_trusting_organisation(Grants limits = {}) {
  TrustFiles files;
  files.organisations.push_back({"acme", trust_text({{.kind = KeyKind::organisation,
                                                      .key = public_number(kOrganisation),
                                                      .label = "acme",
                                                      .grants = std::move(limits)}})});
  return files;
}

inline TrustStore store_of(const TrustFiles& files) {
  TrustStore store;
  const auto faults = store.load(files);
  CHECK(faults.empty());
  return store;
}

}  // namespace xm::test
