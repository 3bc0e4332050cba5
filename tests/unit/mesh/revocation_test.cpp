#include "agent/mesh/revocation.hpp"

#include <doctest/doctest.h>

#include "tests/unit/mesh/golden.hpp"
#include "tests/unit/mesh/trust_samples.hpp"

namespace xm {

using test::Buffer;
using test::copy_of;
using test::kNow;
using test::kOrganisation;
using test::revocation_of;

TEST_CASE("revocation: its bytes are what a released version wrote") {
  CHECK(test::to_hex(revocation_of(1).bytes()) == test::golden("revocation.hex"));
}

TEST_CASE("revocation: it outlives every certificate that was signed before it") {
  const Revocation revocation = revocation_of(1).revocation();
  CHECK(revocation.life.expires > kNow + kMostCertificateLife);
  CHECK(revocation.key == test::public_number(1));
  CHECK(revocation.organisation == test::public_number(kOrganisation));
}

TEST_CASE("revocation: it cannot be forged, cut or made longer") {
  Buffer bytes = copy_of(revocation_of(1).bytes());
  CHECK(SignedRevocation::open(bytes).ok());
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    Buffer changed = bytes;
    changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ 1U << bit % 8);
    CHECK_FALSE(SignedRevocation::open(changed).ok());
  }
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK_FALSE(SignedRevocation::open(Bytes(bytes).first(size)).ok());
  }
  bytes.push_back(0);
  CHECK_FALSE(SignedRevocation::open(bytes).ok());
}

TEST_CASE("revocation: an organisation does not revoke itself") {
  CHECK_FALSE(SignedRevocation::sign(test::public_number(kOrganisation), kNow,
                                     test::key_number(kOrganisation))
                  .ok());
}

}  // namespace xm
