// STUN messages as a client without credentials needs them (RFC 8489): the Binding request, and
// what a server answers.
//
// Everything is a value; the bytes given are read during the call only. Any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "agent/wire/demultiplex.hpp"
#include "xdpmesh/addr.hpp"
#include "xdpmesh/bytes.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// 96 random bits, by which an answer is known to be one to our request.
using StunTransaction = std::array<std::uint8_t, 12>;

// Without attributes, so that servers of RFC 3489 answer too (RFC 5389, section 12.1, which RFC
// 8489, section 11, upholds).
using StunRequest = std::array<std::uint8_t, kStunHeaderSize>;
[[nodiscard]] StunRequest binding_request(const StunTransaction& transaction);

// The end of a transaction, good or bad.
struct StunResponse {
  StunTransaction transaction{};
  // Where the request came from as the server saw it. Not set when there is none to be had:
  Endpoint mapped;
  // then why, a clause such as "it refuses: 401 Unauthorized". What a server wrote is in it as at
  // most 64 printable ASCII characters.
  std::string failure;
};

// A success or error response to a Binding request. An error is what no correct server sends, or a
// request or an indication: to be dropped, and to be waited past (RFC 8489, section 6.3). The
// first attribute of a type counts; those behind MESSAGE-INTEGRITY do not (section 14.5), and
// MESSAGE-INTEGRITY itself is not looked at: there is no key. FINGERPRINT has to be right where it
// is, and the last. An attribute that has to be understood and is not fails the transaction.
[[nodiscard]] Result<StunResponse> parse_binding_response(Bytes datagram);

// FINGERPRINT's value over what stands before it (section 14.7); the length in the header includes
// the attribute already. ITU V.42's CRC-32, changed by a constant.
[[nodiscard]] std::uint32_t stun_fingerprint(Bytes before);

}  // namespace xm
