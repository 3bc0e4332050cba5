// What the mesh says about itself.
#include <algorithm>
#include <utility>

#include "agent/node_mesh.hpp"

namespace xm {
namespace {

constexpr std::array<IpAddress::Family, 2> kFamilies{IpAddress::Family::v4, IpAddress::Family::v6};
// A member that others hear and that has not answered our greetings for so long is silent to us.
constexpr Duration kSilentAfter = 5s;

std::vector<MeshCount> counters_of(const Mesh& mesh) {
  const GossipCounters& gossip = mesh.gossip().counters();
  const SwimCounters& swim = mesh.gossip().swim().counters();
  const AuthorityCounters& authority = mesh.authority().counters();
  return {{"gossip_malformed", gossip.malformed},
          {"gossip_bad_mac", gossip.bad_mac},
          {"gossip_wanted_cookie", gossip.wanted_cookie},
          {"gossip_rate_limited", gossip.rate_limited},
          {"gossip_queue_full", gossip.queue_full},
          {"gossip_not_a_member", gossip.not_a_member},
          {"gossip_unknown_sender", gossip.unknown_sender},
          {"gossip_stale", gossip.stale},
          {"gossip_bad_tag", gossip.bad_tag},
          {"gossip_no_echo", gossip.no_echo},
          {"gossip_unexpected", gossip.unexpected},
          {"swim_malformed", swim.malformed},
          {"swim_unknown_sender", swim.unknown_sender},
          {"swim_refused_statements", swim.refused_statements},
          {"swim_refused_records", swim.refused_records},
          {"swim_refused_accusations", swim.refused_accusations},
          {"swim_over_budget", swim.over_budget},
          {"swim_table_full", swim.table_full},
          {"records_malformed", authority.malformed},
          {"records_untimely", authority.untimely},
          {"records_untrusted", authority.untrusted}};
}

Reach reach_of(const Mesh& mesh, const Member& member, Instant now) {
  // A session outlives the trust of the other end, which then answers nothing that is said in it.
  const Instant unheard = mesh.gossip().unheard_since(member.identity);
  const bool is_unanswered = !unheard.is_never() && now - unheard > kSilentAfter;
  if (mesh.gossip().has_session(member.identity) && !is_unanswered) return Reach::direct;
  const bool is_silent = is_unanswered || mesh.gossip().has_tried(member.identity);
  return is_silent && member.is_up() && now - member.state_since > kSilentAfter ? Reach::silent
                                                                                : Reach::unknown;
}

MemberStatus describe(const Mesh& mesh, const Member& member, const Standing& standing,
                      Instant now) {
  MemberStatus status;
  status.identity = member.identity.to_string();
  status.public_key = standing.key;
  status.names = standing.decision.names;
  for (const Prefix& prefix : standing.prefixes) {
    if (prefix.length == prefix.address.bits()) {
      status.addresses.push_back(prefix.address);
    } else {
      status.subnets.push_back(prefix);
    }
  }
  status.state = member_state_name(member.state);
  status.incarnation = member.incarnation;
  status.endpoint = mesh.gossip().endpoint_of(member.identity);
  status.candidates = standing.record.endpoints;
  status.reach = reach_of(mesh, member, now);
  status.trust = standing.decision.reason;
  status.refused = standing.decision.refused;
  if (!member.answered_at.is_never()) {
    status.heard_seconds = static_cast<double>((now - member.answered_at).count()) / 1e9;
  }
  status.clock_skew_seconds = mesh.skew_of(member.identity);
  return status;
}

}  // namespace

MeshStatus NodeMesh::status(const Moment& at) {
  const Mesh& mesh = *mesh_;
  MeshStatus status;
  status.name = setup_.config.mesh;
  status.identity = mesh.self().to_string();
  status.names = mesh.own_record().wishes().names;
  status.addresses = mesh.plan().addresses;
  const MemberTable& members = mesh.gossip().swim().members();
  status.state = members.up() > 0 ? "joined" : names_->seeds().empty() ? "alone" : "joining";
  status.incarnation = mesh.gossip().swim().incarnation();
  status.record_version = mesh.own_record().held()->version;
  status.record_expires = mesh.own_record().life().expires;
  status.certificate_expires = certificate_expires_;
  status.endpoints = endpoints_.list();
  status.clock_skew_seconds = mesh.skew();
  NatMapping worst = NatMapping::unknown;
  for (const IpAddress::Family family : kFamilies) {
    worst = std::max(worst, endpoints_.stun().mapping(family));
    const auto& mapped = endpoints_.stun().mapped(family);
    status.nat_mapped.insert(status.nat_mapped.end(), mapped.begin(), mapped.end());
  }
  status.nat_mapping = to_string(worst);
  status.faults = mesh.faults();
  for (const std::string& fault : names_->faults()) status.faults.push_back(fault);
  for (const std::string& fault :
       {config_fault_, certificate_fault_, network_fault_, hosts_.fault(), files_->fault(),
        lan_ ? lan_->fault() : std::string()}) {
    if (!fault.empty()) status.faults.push_back(fault);
  }
  for (const Member& member : members.all()) {
    if (const Standing* const standing = mesh.roster().find(member.identity)) {
      status.members.push_back(describe(mesh, member, *standing, at.now));
    }
  }
  std::sort(status.members.begin(), status.members.end(),
            [](const auto& a, const auto& b) { return a.identity < b.identity; });
  for (const SoughtSeed& sought : names_->seeds()) {
    SeedStatus seed{.text = sought.seed.to_string(), .state = "waiting", .reason = {}};
    if (is_up(sought)) {
      seed.state = "member";
    } else if (sought.places.empty()) {
      seed.state = "unresolved";
      seed.reason = sought.fault;
    } else {
      seed.reason =
          "no answer yet: it is not up, a firewall is between, or it does not trust this "
          "node's key";
    }
    status.seeds.push_back(std::move(seed));
  }
  status.counters = counters_of(mesh);
  return status;
}

}  // namespace xm
