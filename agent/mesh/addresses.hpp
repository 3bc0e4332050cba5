// Which inner addresses a member has: derived ones, that everyone computes from its record, and
// granted ones (grants.hpp).
//
// IPv4 = H(mesh, identity, salt) in a prefix of the mesh, neither its first nor its last address.
// When two members come upon the same one, the lower H(address, identity) keeps it and the other
// takes a new salt, which is a new record. IPv6 is a ULA (RFC 4193): fd, 56 bits of H(mesh), 64
// bits of H(mesh, identity). It has no salt and never moves.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "agent/mesh/identity.hpp"
#include "xdpmesh/addr.hpp"

namespace xm {

inline constexpr std::uint8_t kLongestMeshPrefix = 28;  // 14 members

// `prefix` is IPv4 and at most kLongestMeshPrefix long.
[[nodiscard]] IpAddress derive_ipv4(std::string_view mesh, const Identity& identity,
                                    std::uint32_t salt, const Prefix& prefix);
[[nodiscard]] IpAddress derive_ipv6(std::string_view mesh, const Identity& identity);
// The /64 that all members' derived IPv6 addresses are in.
[[nodiscard]] Prefix derive_ipv6_prefix(std::string_view mesh);

// Whether `mine` keeps `address`, which `other` has derived as well.
[[nodiscard]] bool keeps_address(const IpAddress& address, const Identity& mine,
                                 const Identity& other);

// The first salt from `salt` on whose address is not taken; nothing after 2^16 of them: the prefix
// is as good as full.
[[nodiscard]] std::optional<std::uint32_t> free_salt(
    std::string_view mesh, const Identity& identity, std::uint32_t salt, const Prefix& prefix,
    const std::function<bool(const IpAddress&)>& taken);

// What one member has of itself and by grants (a Decision's, trust.hpp).
struct AddressClaim {
  Identity identity;
  std::vector<Prefix> derived;  // its IPv4 and IPv6 address
  std::vector<Prefix> granted;  // addresses and subnets
};

struct AddressOwner {
  Prefix prefix;
  Identity owner;
  friend bool operator==(const AddressOwner&, const AddressOwner&) = default;
};

struct AddressConflict {
  Prefix prefix;
  Identity owner;
  Identity loser;
  friend bool operator==(const AddressConflict&, const AddressConflict&) = default;
};

struct AddressBook {
  std::vector<AddressOwner> owners;  // ascending by prefix, each prefix once
  std::vector<AddressConflict> conflicts;
};

// Who has which: a granted claim goes before a derived one, of two granted the lower identity has
// it, of two derived keeps_address() decides. The order of the claims makes no difference.
[[nodiscard]] AddressBook assign_addresses(const std::vector<AddressClaim>& claims);

}  // namespace xm
