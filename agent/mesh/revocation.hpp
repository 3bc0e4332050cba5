// An organisation's word that a key, a member's or a delegate's, no longer has its trust: no
// certificate for that key, nor one that the key signed, counts any more, whenever it was made.
// There is no way back for a key: a node that returns gets a new one.
//
// Binary form: version byte, organisation, key, life, signature (tag "xdp-mesh revocation"). Held
// and passed on until `life.expires`, by when every certificate that it could touch has expired.
#pragma once

#include <cstdint>
#include <vector>

#include "agent/mesh/certificate.hpp"
#include "agent/mesh/identity.hpp"
#include "agent/mesh/lifetime.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

inline constexpr std::size_t kRevocationSize = 1 + 32 + 32 + 8 + 8 + 64;
// Outlives whatever was signed before it, by a clock that was ahead included.
inline constexpr UnixSeconds kRevocationLife = kMostCertificateLife + kDay;

struct Revocation {
  VerifyKey organisation{};
  VerifyKey key{};
  Lifetime life;

  friend bool operator==(const Revocation&, const Revocation&) = default;
};

class SignedRevocation {
 public:
  // For kRevocationLife from `now`.
  [[nodiscard]] static Result<SignedRevocation> sign(const VerifyKey& key, UnixSeconds now,
                                                     const SigningKey& organisation);
  // Judges foreign bytes: form and signature of the organisation it names.
  [[nodiscard]] static Result<SignedRevocation> open(Bytes bytes);

  [[nodiscard]] const Revocation& revocation() const { return revocation_; }
  [[nodiscard]] Bytes bytes() const { return bytes_; }

 private:
  SignedRevocation(const Revocation& revocation, std::vector<std::uint8_t> bytes)
      : revocation_(revocation), bytes_(std::move(bytes)) {}

  Revocation revocation_;
  std::vector<std::uint8_t> bytes_;
};

// Which organisation and key a revocation is about, unverified: so that a known one costs nothing.
[[nodiscard]] Result<Revocation> decode_revocation(Bytes bytes);

}  // namespace xm
