// Signed bytes as text that can be mailed, pasted and kept in a file:
//
//   xdp-mesh-KIND 1
//   # comments, which nothing depends on
//   bytes mfrggzdfmztwq2lk…          as many lines as it takes, base32 of 40 bytes each
//   checksum q4tdkn2ymrxgk           of the bytes and the kind: finds a wrong copy, proves nothing
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "xdpmesh/bytes.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// `comment`: lines for people, each written after "# ".
[[nodiscard]] std::string armour(std::string_view kind, Bytes bytes, std::string_view comment = {});

// The bytes of a text of that kind, at most `most`; errors name the line.
[[nodiscard]] Result<std::vector<std::uint8_t>> open_armour(std::string_view kind,
                                                            std::string_view text,
                                                            std::size_t most);

}  // namespace xm
