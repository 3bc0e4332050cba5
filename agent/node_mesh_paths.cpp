#include "agent/node_mesh_paths.hpp"

#include <algorithm>

namespace xm {

MeshPaths::Place& MeshPaths::place_of(const Identity& member) {
  const auto known = places_.find(member);
  if (known != places_.end()) return known->second;
  const MemberNumber number = next_number_++;
  by_number_.emplace(number, member);
  return places_.emplace(member, Place{number, {}}).first->second;
}

void MeshPaths::set_candidates(const Identity& member, std::span<const Endpoint> candidates,
                               Instant now) {
  Place& place = place_of(member);
  finder_.set_candidates(place.number, candidates, now);
  if (is_translated_) finder_.set_wanted(place.number, true, now);
}

void MeshPaths::forget(const Identity& member) {
  const auto known = places_.find(member);
  if (known == places_.end()) return;
  finder_.remove(known->second.number);
  by_number_.erase(known->second.number);
  places_.erase(known);
}

void MeshPaths::need(const Identity& member, Instant now) {
  Place& place = place_of(member);
  const bool was_wanted = place.wanted_until > now;
  place.wanted_until = now + kWanted;
  if (!was_wanted) finder_.set_wanted(place.number, true, now);
}

void MeshPaths::heard(const Identity& member, const Endpoint& endpoint, Instant now) {
  finder_.heard(place_of(member).number, endpoint, now);
}

void MeshPaths::verified(const Identity& member, const Endpoint& endpoint, Duration round_trip,
                         Instant now) {
  finder_.verified(place_of(member).number, endpoint, round_trip, now);
}

void MeshPaths::roamed(const Identity& member, const Endpoint& endpoint, Instant now) {
  const MemberNumber number = place_of(member).number;
  if (finder_.endpoint_of(number) != endpoint) finder_.roamed(number, endpoint, now);
}

void MeshPaths::lost(const Identity& member, Instant now) {
  const MemberNumber number = place_of(member).number;
  finder_.lost(number, finder_.endpoint_of(number), now);
}

void MeshPaths::network_changed(Instant now) {
  finder_.network_changed(now);
}

void MeshPaths::set_nat(const MeshEndpoints& endpoints, Instant now) {
  bool is_translated = false;
  for (const IpAddress::Family family : {IpAddress::Family::v4, IpAddress::Family::v6}) {
    const bool is_family_translated = endpoints.is_translated(family);
    finder_.set_nat(family, is_family_translated ? endpoints.mapping(family) : NatMapping::none);
    is_translated = is_translated || is_family_translated;
  }
  finder_.set_on_link(endpoints.on_link());
  if (is_translated == is_translated_) return;
  is_translated_ = is_translated;
  for (const auto& [member, place] : places_) {
    finder_.set_wanted(place.number, is_translated || place.wanted_until > now, now);
  }
}

void MeshPaths::on_timers(Instant now) {
  for (auto& [member, place] : places_) {
    const bool has_ended = !place.wanted_until.is_never() && place.wanted_until <= now;
    if (!has_ended) continue;
    place.wanted_until = {};
    if (!is_translated_) finder_.set_wanted(place.number, false, now);
  }
  finder_.on_timers(now);
}

void MeshPaths::take_actions() {
  for (const PathFinder::Action& action : finder_.take_actions()) {
    if (const auto* const probe = std::get_if<PathFinder::Probe>(&action)) {
      probes_.push_back({by_number_.at(probe->member), probe->endpoint});
    } else {
      const auto& use = std::get<PathFinder::Use>(action);
      uses_.push_back({by_number_.at(use.member), use.endpoint});
    }
  }
}

std::vector<MeshPaths::Probe> MeshPaths::take_probes() {
  take_actions();
  return std::exchange(probes_, {});
}

std::vector<MeshPaths::Use> MeshPaths::take_uses() {
  take_actions();
  return std::exchange(uses_, {});
}

bool MeshPaths::wants_keepalive(const Identity& member) const {
  const auto known = places_.find(member);
  return known != places_.end() && finder_.wants_keepalive(known->second.number);
}

}  // namespace xm
