// A private key as the text of a file:
//
//   xdp-mesh-key 1
//   kind node                        or organisation, delegate
//   public xm1…                      for people; must belong to the seed
//   seed …                           52 characters of base32
//   checksum …                       of the seed and the kind
#pragma once

#include <string_view>

#include "agent/crypto/secret_text.hpp"
#include "agent/mesh/identity.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

[[nodiscard]] SecretText key_file_text(KeyKind kind, const SigningKey& key);

// A key of that kind; errors name the line and never show what is in it.
[[nodiscard]] Result<SigningKey> parse_key_file(KeyKind kind, std::string_view text);

}  // namespace xm
