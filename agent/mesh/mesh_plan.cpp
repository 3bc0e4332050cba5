// From members to the tunnel: peers with allowed IPs, the addresses of our interface, routes.
//
// The whole of the mesh's two prefixes leads into the tunnel: a packet to nobody is refused there.
// A member's addresses outside of them and its subnets have routes of their own, and so have the
// inner addresses of peers that are no members.
#include <algorithm>
#include <utility>

#include "agent/mesh/mesh.hpp"

namespace xm {
namespace {

Prefix host(const IpAddress& address) {
  return {address, static_cast<std::uint8_t>(address.bits())};
}

}  // namespace

AddressClaim Mesh::our_claim() const {
  AddressClaim claim{
      .identity = self_, .derived = roster_.derive(self_, wishes_.salt), .granted = {}};
  for (const IpAddress& address : wishes_.addresses) claim.granted.push_back(host(address));
  claim.granted.insert(claim.granted.end(), wishes_.subnets.begin(), wishes_.subnets.end());
  return claim;
}

// Our derived IPv4 address may be another's: then we take a new salt.
void Mesh::settle() {
  must_plan_ = true;
  roster_.settle(our_claim());
  const IpAddress ours = derive_ipv4(options_.mesh, self_, wishes_.salt, options_.ipv4_prefix);
  if (!roster_.is_taken(ours)) return;
  const auto salt = free_salt(options_.mesh, self_, wishes_.salt + 1, options_.ipv4_prefix,
                              [&](const IpAddress& address) { return roster_.is_taken(address); });
  if (!salt) {
    record_fault_ = options_.ipv4_prefix.to_string() + " is full: no IPv4 address is left for us";
    return;
  }
  wishes_.salt = *salt;
  actions_.emplace_back(SaltChanged{*salt});
  roster_.settle(our_claim());
  // The address is in force here at once, so the others must know.
  must_issue_ = true;
  issue_not_before_ = now_;
}

bool Mesh::is_peer(const Member& member, Instant now) {
  if (member.state == MemberState::left) return false;
  if (member.state != MemberState::dead) return true;
  const Instant last = std::max(member.answered_at, member.state_since);
  if (now - last >= kSilence) return false;
  check_at_ = std::min(check_at_, last + kSilence);
  return true;
}

bool Mesh::is_in_mesh(const Prefix& prefix) const {
  for (const Prefix& whole : {options_.ipv4_prefix, derive_ipv6_prefix(options_.mesh)}) {
    if (prefix.length >= whole.length && whole.contains(prefix.address)) return true;
  }
  return false;
}

void Mesh::add_routes_to(const Standing& standing, std::vector<Prefix>& routes) const {
  for (const Prefix& prefix : standing.prefixes) {
    const bool is_address = prefix.length == prefix.address.bits();
    if (is_address && is_in_mesh(prefix)) continue;
    const bool is_accepted =
        prefix.length == 0 ? options_.accept_default : is_address || options_.accept_subnets;
    if (is_accepted) routes.push_back(prefix);
  }
}

// What the owner of this machine has configured needs no grant; a default route needs its opt-in.
void Mesh::add_outside_routes(MeshPlan& plan) const {
  for (const OutsidePeer& outside : options_.outside) {
    const bool is_member =
        std::any_of(plan.peers.begin(), plan.peers.end(),
                    [&](const MeshPeer& peer) { return peer.key == outside.key; });
    if (is_member) continue;
    for (const Prefix& prefix : outside.allowed_ips) {
      const bool is_accepted = prefix.length != 0 || options_.accept_default;
      if (is_accepted && !is_in_mesh(prefix)) plan.routes.push_back(prefix);
    }
  }
}

void Mesh::make_plan(Instant now) {
  MeshPlan plan;
  for (const auto& [identity, standing] : roster_.all()) {
    const Member* const member = gossip_.swim().members().find(identity);
    if (member == nullptr || !is_peer(*member, now)) continue;
    MeshPeer peer{.identity = identity, .key = standing.key, .allowed_ips = standing.prefixes};
    if (!options_.accept_default) {
      std::erase_if(peer.allowed_ips, [](const Prefix& prefix) { return prefix.length == 0; });
    }
    plan.peers.push_back(std::move(peer));
    add_routes_to(standing, plan.routes);
  }
  for (const Prefix& derived : roster_.derive(self_, wishes_.salt)) {
    const std::vector<Prefix>& ours = roster_.our_prefixes();
    if (std::find(ours.begin(), ours.end(), derived) == ours.end()) continue;
    plan.addresses.push_back(derived.address);
  }
  plan.addresses.insert(plan.addresses.end(), wishes_.addresses.begin(), wishes_.addresses.end());
  plan.routes.push_back(options_.ipv4_prefix);
  plan.routes.push_back(derive_ipv6_prefix(options_.mesh));
  add_outside_routes(plan);
  std::sort(plan.routes.begin(), plan.routes.end());
  plan.routes.erase(std::unique(plan.routes.begin(), plan.routes.end()), plan.routes.end());
  if (plan == plan_) return;
  plan_ = std::move(plan);
  actions_.emplace_back(PlanChanged{});
}

}  // namespace xm
