#include "agent/mesh/roster.hpp"

#include <algorithm>
#include <utility>

#include "agent/nat/candidates.hpp"

namespace xm {
namespace {

Prefix host(const IpAddress& address) {
  return {address, static_cast<std::uint8_t>(address.bits())};
}

}  // namespace

bool Roster::take(const HeldRecord& held, const TrustStore& trust, UnixSeconds now) {
  auto record = decode_record(held.record);
  const auto key = held.identity.wireguard_key();
  if (!record || !key) return false;
  std::optional<CertificateChain> chain;
  if (!held.certificates.empty()) {
    if (auto opened = open_chain(held.certificates)) chain = std::move(*opened);
  }
  Decision decision = trust.decide(*record, chain ? &*chain : nullptr, now);
  if (!decision.member) {
    remove(held.identity);
    return false;
  }
  std::vector<Prefix> derived = derive(held.identity, record->salt);
  members_.insert_or_assign(held.identity, Standing{.record = std::move(*record),
                                                    .chain = std::move(chain),
                                                    .decision = std::move(decision),
                                                    .key = *key,
                                                    .derived = std::move(derived),
                                                    .prefixes = {}});
  return true;
}

void Roster::remove(const Identity& identity) {
  members_.erase(identity);
}

std::vector<Standing> Roster::reconsider(const TrustStore& trust, UnixSeconds now) {
  std::vector<Standing> gone;
  for (auto at = members_.begin(); at != members_.end();) {
    Standing& standing = at->second;
    standing.decision =
        trust.decide(standing.record, standing.chain ? &*standing.chain : nullptr, now);
    if (standing.decision.member) {
      ++at;
    } else {
      gone.push_back(std::move(standing));
      at = members_.erase(at);
    }
  }
  return gone;
}

std::optional<UnixSeconds> Roster::until() const {
  std::optional<UnixSeconds> first;
  for (const auto& [identity, standing] : members_) {
    const UnixSeconds until = standing.decision.until;
    if (until != 0 && (!first || until < *first)) first = until;
  }
  return first;
}

void Roster::settle(const AddressClaim& ours) {
  std::vector<AddressClaim> claims{ours};
  for (const auto& [identity, standing] : members_) {
    AddressClaim claim{.identity = identity, .derived = standing.derived, .granted = {}};
    for (const IpAddress& address : standing.decision.addresses) {
      claim.granted.push_back(host(address));
    }
    claim.granted.insert(claim.granted.end(), standing.decision.subnets.begin(),
                         standing.decision.subnets.end());
    claims.push_back(std::move(claim));
  }
  AddressBook book = assign_addresses(claims);
  owners_ = std::move(book.owners);
  conflicts_ = std::move(book.conflicts);
  our_prefixes_.clear();
  inside_ = {ipv4_prefix_, derive_ipv6_prefix(mesh_)};
  for (auto& [identity, standing] : members_) standing.prefixes.clear();
  for (const AddressOwner& owner : owners_) {
    const bool is_ours = owner.owner == self_;
    // A member that is the way to everywhere makes nowhere a tunnel in itself.
    const bool is_the_mesh =
        inside_[0].contains(owner.prefix.address) || inside_[1].contains(owner.prefix.address);
    if (!is_ours && !is_the_mesh && owner.prefix.length != 0) inside_.push_back(owner.prefix);
    if (is_ours) {
      our_prefixes_.push_back(owner.prefix);
    } else if (const auto member = members_.find(owner.owner); member != members_.end()) {
      member->second.prefixes.push_back(owner.prefix);
    }
  }
}

const Standing* Roster::find(const Identity& identity) const {
  const auto member = members_.find(identity);
  return member == members_.end() ? nullptr : &member->second;
}

bool Roster::is_taken(const IpAddress& address) const {
  const Prefix wanted = host(address);
  const auto at = std::lower_bound(
      owners_.begin(), owners_.end(), wanted,
      [](const AddressOwner& owner, const Prefix& prefix) { return owner.prefix < prefix; });
  return at != owners_.end() && at->prefix == wanted && at->owner != self_;
}

std::vector<Prefix> Roster::derive(const Identity& identity, std::uint32_t salt) const {
  return {host(derive_ipv4(mesh_, identity, salt, ipv4_prefix_)),
          host(derive_ipv6(mesh_, identity))};
}

bool Roster::is_usable(const Endpoint& endpoint) const {
  return candidate_fault(endpoint, inside_) == nullptr;
}

std::vector<Endpoint> Roster::candidates(const Standing& standing) const {
  return usable_candidates(standing.record.endpoints, inside_, {});
}

}  // namespace xm
