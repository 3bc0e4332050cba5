// What an organisation says of a key: that it is a member's, or a delegate's who may sign members
// in its stead. One level: a delegate makes no delegates.
//
// Binary form: version byte, kind, then the fields in the order of the struct, then the issuer's
// signature (signed_bytes.hpp, tag "xdp-mesh certificate"). Canonical (field_codec.hpp).
//
// A delegate's certificate holds the limits of what the delegate may grant: its grants, its mesh
// and its life only narrow on the way to a member. What is wider is refused as a whole.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/mesh/grants.hpp"
#include "agent/mesh/identity.hpp"
#include "agent/mesh/lifetime.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

inline constexpr std::size_t kMaxCertificateSize = 256;
// A count, and two certificates with their lengths.
inline constexpr std::size_t kMaxChainSize = 1 + 2 * (2 + kMaxCertificateSize);
inline constexpr UnixSeconds kMostCertificateLife = 5 * 366 * kDay;

enum class CertificateKind : std::uint8_t { member = 1, delegate = 2 };

struct Certificate {
  CertificateKind kind = CertificateKind::member;
  VerifyKey issuer{};   // the organisation, or (of a member) its delegate
  VerifyKey subject{};  // a node's identity, or a delegate's key
  std::string mesh;     // the one it is for; empty: any whose nodes trust the organisation
  Grants grants;        // of a delegate: limits
  Lifetime life;

  friend bool operator==(const Certificate&, const Certificate&) = default;
};

class SignedCertificate {
 public:
  // Signs with the issuer's key (an error otherwise). Brings the grants into order.
  [[nodiscard]] static Result<SignedCertificate> sign(Certificate certificate,
                                                      const SigningKey& key);
  // Judges foreign bytes: form, length of life, the issuer's signature. Whether the issuer may, and
  // when, is chain_fault()'s word.
  [[nodiscard]] static Result<SignedCertificate> open(Bytes bytes);

  [[nodiscard]] const Certificate& certificate() const { return certificate_; }
  [[nodiscard]] Bytes bytes() const { return bytes_; }

 private:
  SignedCertificate(Certificate certificate, std::vector<std::uint8_t> bytes)
      : certificate_(std::move(certificate)), bytes_(std::move(bytes)) {}

  Certificate certificate_;
  std::vector<std::uint8_t> bytes_;
};

// A member's certificate and, when a delegate signed it, the delegate's.
struct CertificateChain {
  SignedCertificate member;
  std::optional<SignedCertificate> delegate;

  [[nodiscard]] const VerifyKey& organisation() const {
    return (delegate ? *delegate : member).certificate().issuer;
  }
  // When the first of them expires.
  [[nodiscard]] UnixSeconds expires() const;
};

// A count byte (1 or 2), then each certificate after its length in two bytes, the member's first.
// ≤ kMaxChainSize.
[[nodiscard]] std::vector<std::uint8_t> encode_chain(const CertificateChain& chain);
[[nodiscard]] Result<CertificateChain> open_chain(Bytes bytes);

// Why this chain makes `identity` no member of `mesh` at `now`, whoever its organisation is; empty
// when it does. A certificate expires to the second; issued in the future it is refused only above
// kClockTolerance (record.hpp).
[[nodiscard]] std::string chain_fault(const CertificateChain& chain, const Identity& identity,
                                      std::string_view mesh, UnixSeconds now);

}  // namespace xm
