// Base32 (RFC 4648, 6) in lower case and without padding: it survives a DNS label, a file name and
// being read aloud.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "xdpmesh/bytes.hpp"

namespace xm {

[[nodiscard]] std::string to_base32(Bytes bytes);

// Nothing for any other character, a length that no bytes have, or bits past the last byte.
[[nodiscard]] std::optional<std::vector<std::uint8_t>> from_base32(std::string_view text);

}  // namespace xm
