// Where to send to each member: their MemberPaths, the order in which these have their turn, and
// what all of them share: the pace of probes, and whether there is a NAT between us and the world.
// Members are numbers; time goes in, actions come out. One owner.
#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <span>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "agent/nat/candidates.hpp"
#include "agent/nat/member_path.hpp"
#include "agent/nat/stun_client.hpp"
#include "xdpmesh/addr.hpp"
#include "xdpmesh/clock.hpp"

namespace xm {

class PathFinder {
 public:
  // Of all members together; so many may go at once after a pause.
  static constexpr std::int64_t kProbesPerSecond = 200;
  static constexpr std::int64_t kBurst = 20;

  // As MemberPath's, of this member.
  struct Probe {
    MemberNumber member = 0;
    Endpoint endpoint;
  };
  struct Use {
    MemberNumber member = 0;
    Endpoint endpoint;
  };
  using Action = std::variant<Probe, Use>;

  // --- inputs; each of a member's makes it known ---

  void set_candidates(MemberNumber member, std::span<const Endpoint> candidates, Instant now);
  void set_wanted(MemberNumber member, bool wanted, Instant now);
  void verified(MemberNumber member, const Endpoint& endpoint, Duration round_trip, Instant now);
  void heard(MemberNumber member, const Endpoint& endpoint, Instant now);
  void roamed(MemberNumber member, const Endpoint& endpoint, Instant now);
  void lost(MemberNumber member, const Endpoint& endpoint, Instant now);
  // Forgets it, and what it wanted done.
  void remove(MemberNumber member);
  void network_changed(Instant now);
  // What the STUN client concluded, or members that see us at an address that is not ours
  // (Candidates::is_translated): unknown is a NAT of an unknown kind, none where none is known of.
  void set_nat(IpAddress::Family family, NatMapping mapping);
  // This machine's own networks.
  void set_on_link(std::vector<Prefix> on_link) { on_link_ = std::move(on_link); }
  void on_timers(Instant now);
  [[nodiscard]] Instant next_deadline() const;

  // --- outputs ---

  [[nodiscard]] std::vector<Action> take_actions() { return std::exchange(actions_, {}); }
  // Not set, and unknown, of a member that is not known.
  [[nodiscard]] Endpoint endpoint_of(MemberNumber member) const;
  [[nodiscard]] MemberPath::Reach reach_of(MemberNumber member) const;
  // Whether keepalives have to hold a NAT's mapping open on the way to this member, so that it can
  // reach us at any time: when somebody wants it, it has an endpoint in use that is not on a
  // network of ours, and that family has a NAT, or may have one. What is not mapped needs none,
  // whatever the other end is behind: it is the one to send. The usual life of a mapping is 30 s
  // (Linux's nf_conntrack_udp_timeout) to 2 minutes (RFC 4787, section 4.3): every 25 s will do.
  [[nodiscard]] bool wants_keepalive(MemberNumber member) const;
  [[nodiscard]] std::size_t members() const { return members_.size(); }

 private:
  struct Member {
    MemberPath path;
    bool wanted = false;
    Instant due_at = kFarFuture;  // as in due_
  };

  // Takes in what a member's path wants, and when it has its next turn.
  void settle(MemberNumber number, Member& member, const std::vector<MemberPath::Action>& actions,
              Instant now);

  std::unordered_map<MemberNumber, Member> members_;
  std::set<std::pair<Instant, MemberNumber>> due_;  // of those that have a deadline
  std::array<NatMapping, 2> nat_{};
  std::vector<Prefix> on_link_;
  Instant paid_until_;  // the probes so far, at their pace
  std::vector<Action> actions_;
};

}  // namespace xm
