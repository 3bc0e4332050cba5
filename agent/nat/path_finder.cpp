#include "agent/nat/path_finder.hpp"

#include <algorithm>

namespace xm {
namespace {

constexpr Duration kProbeCost{1'000'000'000 / PathFinder::kProbesPerSecond};
constexpr Duration kCredit = kProbeCost * PathFinder::kBurst;

}  // namespace

void PathFinder::set_candidates(MemberNumber member, std::span<const Endpoint> candidates,
                                Instant now) {
  Member& of = members_[member];
  of.path.set_candidates(candidates, now);
  settle(member, of, {}, now);
}

void PathFinder::set_wanted(MemberNumber member, bool wanted, Instant now) {
  Member& of = members_[member];
  of.wanted = wanted;
  of.path.set_wanted(wanted, now);
  settle(member, of, {}, now);
}

void PathFinder::verified(MemberNumber member, const Endpoint& endpoint, Duration round_trip,
                          Instant now) {
  Member& of = members_[member];
  std::vector<MemberPath::Action> actions;
  of.path.verified(endpoint, round_trip, now, actions);
  settle(member, of, actions, now);
}

void PathFinder::heard(MemberNumber member, const Endpoint& endpoint, Instant now) {
  Member& of = members_[member];
  of.path.heard(endpoint, now);
  settle(member, of, {}, now);
}

void PathFinder::roamed(MemberNumber member, const Endpoint& endpoint, Instant now) {
  Member& of = members_[member];
  of.path.roamed(endpoint, now);
  settle(member, of, {}, now);
}

void PathFinder::lost(MemberNumber member, const Endpoint& endpoint, Instant now) {
  Member& of = members_[member];
  std::vector<MemberPath::Action> actions;
  of.path.lost(endpoint, now, actions);
  settle(member, of, actions, now);
}

void PathFinder::remove(MemberNumber member) {
  const auto found = members_.find(member);
  if (found == members_.end()) return;
  due_.erase({found->second.due_at, member});
  members_.erase(found);
  std::erase_if(actions_, [&](const Action& action) {
    return std::visit([&](const auto& one) { return one.member == member; }, action);
  });
}

void PathFinder::network_changed(Instant now) {
  for (auto& [number, member] : members_) {
    member.path.network_changed(now);
    settle(number, member, {}, now);
  }
}

void PathFinder::set_nat(IpAddress::Family family, NatMapping mapping) {
  nat_[family == IpAddress::Family::v6 ? 1 : 0] = mapping;
}

void PathFinder::on_timers(Instant now) {
  std::vector<MemberPath::Action> actions;
  while (!due_.empty() && due_.begin()->first <= now && paid_until_ <= now + kCredit) {
    const MemberNumber number = due_.begin()->second;
    Member& member = members_.at(number);
    actions.clear();
    member.path.on_timers(now, actions);
    settle(number, member, actions, now);
  }
}

Instant PathFinder::next_deadline() const {
  return due_.empty() ? kFarFuture : std::max(due_.begin()->first, paid_until_ - kCredit);
}

void PathFinder::settle(MemberNumber number, Member& member,
                        const std::vector<MemberPath::Action>& actions, Instant now) {
  for (const MemberPath::Action& action : actions) {
    if (const auto* probe = std::get_if<MemberPath::Probe>(&action)) {
      paid_until_ = std::max(paid_until_, now) + kProbeCost;
      actions_.emplace_back(Probe{number, probe->endpoint});
    } else {
      actions_.emplace_back(Use{number, std::get<MemberPath::Use>(action).endpoint});
    }
  }
  const Instant due_at = member.path.next_deadline();
  if (due_at == member.due_at) return;
  due_.erase({member.due_at, number});
  if (due_at != kFarFuture) due_.emplace(due_at, number);
  member.due_at = due_at;
}

Endpoint PathFinder::endpoint_of(MemberNumber member) const {
  const auto found = members_.find(member);
  return found == members_.end() ? Endpoint{} : found->second.path.endpoint();
}

MemberPath::Reach PathFinder::reach_of(MemberNumber member) const {
  const auto found = members_.find(member);
  return found == members_.end() ? MemberPath::Reach::unknown : found->second.path.reach();
}

bool PathFinder::wants_keepalive(MemberNumber member) const {
  const auto found = members_.find(member);
  if (found == members_.end() || !found->second.wanted) return false;
  const IpAddress& address = found->second.path.endpoint().address;
  if (address.family == IpAddress::Family::none) return false;
  if (nat_[address.is_v6() ? 1 : 0] == NatMapping::none) return false;
  return std::none_of(on_link_.begin(), on_link_.end(),
                      [&](const Prefix& prefix) { return prefix.contains(address); });
}

}  // namespace xm
