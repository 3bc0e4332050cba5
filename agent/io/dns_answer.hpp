// What is read out of a DNS answer as it came from the network: SRV (RFC 2782) and TXT (RFC 1035,
// 3.3.14). Pure; the bytes are a resolver's, so anybody's. Records that make no sense are left out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "xdpmesh/bytes.hpp"

namespace xm {

// More of either are left out.
inline constexpr std::size_t kMaxServices = 16;
inline constexpr std::size_t kMaxTexts = 16;

// Where a service is. `host` is a name of letters, digits, "-", "_" and "."; the port is in host
// byte order and not 0.
struct Service {
  std::string host;
  std::uint16_t port = 0;
  std::uint16_t priority = 0;
  std::uint16_t weight = 0;
  friend bool operator==(const Service&, const Service&) = default;
};

// The SRV records, in the order in which they are to be tried: by priority, the heavier first.
// (RFC 2782 draws lots among those of a priority, to share load; a mesh's seeds are all tried.)
[[nodiscard]] std::vector<Service> services_in(Bytes answer);

// The values of "KEY=VALUE" strings in the TXT records, for one `key`; printable ASCII without
// spaces.
[[nodiscard]] std::vector<std::string> text_values_in(Bytes answer, std::string_view key);

}  // namespace xm
