// STUN from outside: no answer has both an address and a failure, and a mapped address that is read
// is the same again when a server writes it.
#include <cstdlib>

#include "tests/unit/nat/stun_samples.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const xm::Bytes datagram{data, size};
  const auto parsed = xm::parse_binding_response(datagram);
  if (!parsed) {
    require(!parsed.error().what.empty());
    return 0;
  }
  const xm::StunResponse& response = parsed.value();
  require(xm::is_stun(datagram));
  require(response.mapped.is_set() == response.failure.empty());
  for (const char character : response.failure) require(character >= 0x20 && character < 0x7f);
  if (response.mapped.is_set()) {
    const xm::test::StunBuilder again =
        xm::test::StunBuilder(xm::test::kSuccess, response.transaction)
            .mapped(response.mapped)
            .fingerprint();
    require(xm::parse_binding_response(again.bytes()).value().mapped == response.mapped);
  }
  return 0;
}
