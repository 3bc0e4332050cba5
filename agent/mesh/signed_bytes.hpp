// How everything in a mesh is signed: the body's bytes, then an Ed25519 signature over a tag that
// says what the body is, a zero byte, and the body. A signature for one kind of body therefore
// never serves another, in this version or the next.
#pragma once

#include <string_view>
#include <vector>

#include "agent/crypto/sign.hpp"
#include "agent/mesh/byte_codec.hpp"

namespace xm {

inline constexpr std::size_t kSignatureSize = 64;

// `body` and its signature. The tag has no zero byte.
[[nodiscard]] std::vector<std::uint8_t> sign_body(std::string_view tag, Bytes body,
                                                  const SigningKey& key);

// Whether `signed_bytes` end with the signature of what stands before it.
[[nodiscard]] bool signature_holds(std::string_view tag, Bytes signed_bytes, const VerifyKey& key);

}  // namespace xm
