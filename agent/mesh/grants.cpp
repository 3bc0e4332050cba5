#include "agent/mesh/grants.hpp"

#include <algorithm>

#include "agent/mesh/field_codec.hpp"
#include "agent/mesh/names.hpp"

namespace xm {
namespace {

Prefix all_of_family(IpAddress::Family family) {
  Prefix prefix;
  prefix.address.family = family;
  return prefix;
}

bool any_covers(const std::vector<Prefix>& outer, const Prefix& inner) {
  return std::any_of(outer.begin(), outer.end(),
                     [&](const Prefix& prefix) { return prefix_covers(prefix, inner); });
}

bool all_covered(const std::vector<Prefix>& outer, const std::vector<Prefix>& inner) {
  return std::all_of(inner.begin(), inner.end(),
                     [&](const Prefix& prefix) { return any_covers(outer, prefix); });
}

}  // namespace

bool prefix_covers(const Prefix& outer, const Prefix& inner) {
  return outer.length <= inner.length && outer.contains(inner.address);
}

Grants Grants::everything() {
  const std::vector<Prefix> all{all_of_family(IpAddress::Family::v4),
                                all_of_family(IpAddress::Family::v6)};
  return {{"*"}, all, all};
}

bool Grants::allows_name(std::string_view name) const {
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& pattern) { return pattern_covers(pattern, name); });
}

bool Grants::allows_address(const IpAddress& address) const {
  return std::any_of(addresses.begin(), addresses.end(),
                     [&](const Prefix& prefix) { return prefix.contains(address); });
}

bool Grants::allows_subnet(const Prefix& subnet) const {
  return any_covers(subnets, subnet);
}

bool Grants::covers(const Grants& inner) const {
  return std::all_of(inner.names.begin(), inner.names.end(),
                     [&](const std::string& name) { return allows_name(name); }) &&
         all_covered(addresses, inner.addresses) && all_covered(subnets, inner.subnets);
}

void write_grants(ByteWriter& out, const Grants& grants) {
  write_list(out, grants.names);
  write_list(out, grants.addresses);
  write_list(out, grants.subnets);
}

Grants read_grants(ByteReader& in) {
  Grants grants;
  grants.names = read_set<std::string>(in, kMaxGrants);
  grants.addresses = read_set<Prefix>(in, kMaxGrants);
  grants.subnets = read_set<Prefix>(in, kMaxGrants);
  if (!std::all_of(grants.names.begin(), grants.names.end(), is_name_pattern)) in.fail();
  return grants;
}

}  // namespace xm
