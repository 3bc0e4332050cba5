// What a node may have beside its derived addresses: names, addresses and subnets that a
// certificate or a trust entry gives it. By default nothing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/mesh/byte_codec.hpp"
#include "xdpmesh/addr.hpp"

namespace xm {

inline constexpr std::size_t kMaxGrants = 8;  // of each of the three, in a certificate

struct Grants {
  std::vector<std::string> names;  // is_name_pattern()
  std::vector<Prefix> addresses;   // any address in one of them
  std::vector<Prefix> subnets;  // any subnet in one of them; 0.0.0.0/0 and ::/0 only if they stand

  [[nodiscard]] static Grants everything();
  [[nodiscard]] bool allows_name(std::string_view name) const;
  [[nodiscard]] bool allows_address(const IpAddress& address) const;
  [[nodiscard]] bool allows_subnet(const Prefix& subnet) const;
  // Whatever `inner` allows, this allows too.
  [[nodiscard]] bool covers(const Grants& inner) const;

  friend bool operator==(const Grants&, const Grants&) = default;
};

// `outer` contains every address of `inner`.
[[nodiscard]] bool prefix_covers(const Prefix& outer, const Prefix& inner);

// Three lists of at most kMaxGrants, each a set (field_codec.hpp).
void write_grants(ByteWriter& out, const Grants& grants);
[[nodiscard]] Grants read_grants(ByteReader& in);

}  // namespace xm
