// Pings: of the member whose turn it is, for others who got no answer, and of the dead.
#include <algorithm>
#include <array>

#include "agent/mesh/swim.hpp"

namespace xm {
namespace {

// An answer this late proves nothing any more; within it, a repeated ping has the same number, so
// that an answer to either counts.
constexpr Duration kPingLife = 10s;
constexpr Duration kRelayLife = 2s;
constexpr std::size_t kMaxRelays = 64;
// A sweep that has just been is not begun again for every straggler.
constexpr Duration kSweepPause = 5s;

}  // namespace

void Swim::on_ping(Member& sender, const GossipSource& source, const PingMessage& message) {
  ByteWriter out;
  write_message(out, AckMessage{message.number, source.address, authority_.clock()});
  if (source.is_verified) {
    send_with_news(sender.identity, std::move(out));
  } else {
    actions_.emplace_back(SendPayload{sender.identity, source.address, out.take()});
  }
}

void Swim::on_ack(Member& sender, const AckMessage& message, Instant now) {
  if (sender.ping_number == 0 || sender.ping_number != message.number) {
    actions_.emplace_back(OtherPingAnswered{sender.identity, message.number});
    return;
  }
  if (message.observed.is_set()) {
    actions_.emplace_back(EndpointObserved{sender.identity, message.observed});
  }
  actions_.emplace_back(ClockTold{sender.identity, message.clock});
  answered(sender, now);
}

// The member itself has answered, authenticated: whatever we marked it as, it is alive.
void Swim::answered(Member& member, Instant now) {
  member.ping_number = 0;
  member.answered_at = now;
  if (probe_.is_active && probe_.target == member.identity) probe_.is_answered = true;
  for (const Relay& relay : relays_) {
    if (relay.target == member.identity) send(relay.origin, RelayedAckMessage{relay.number});
  }
  std::erase_if(relays_, [&](const Relay& relay) { return relay.target == member.identity; });
  if (member.state != MemberState::suspect && member.state != MemberState::dead) return;
  const bool was_dead = member.state == MemberState::dead;
  // Having heard it ourselves, we do not pass on that others have not.
  queue_.drop_accusations(member.identity);
  change_state(member, MemberState::alive, now);
  if (was_dead && now >= next_sweep_) start_sweep(member.identity, now);
}

void Swim::on_ping_request(const Member& sender, const PingRequestMessage& message, Instant now) {
  Member* const target = members_.find(message.target);
  if (target == nullptr || relays_.size() >= kMaxRelays) {
    send(sender.identity, NackMessage{message.number});
    return;
  }
  relays_.push_back({sender.identity, message.number, message.target, now + options_.nack_after,
                     now + kRelayLife});
  relay_at_ = std::min(relay_at_, relays_.back().nack_at);
  send_ping(*target, now);
}

void Swim::on_relayed_ack(const Identity& sender, std::uint64_t number) {
  if (!probe_.is_active || probe_.number != number) return;
  // Another's word: it ends this probe, and clears no mark.
  if (std::find(probe_.helpers.begin(), probe_.helpers.end(), sender) != probe_.helpers.end()) {
    probe_.is_answered = true;
  }
}

void Swim::on_nack(const Identity& sender, std::uint64_t number) {
  if (!probe_.is_active || probe_.number != number) return;
  const auto helper = std::find(probe_.helpers.begin(), probe_.helpers.end(), sender);
  if (helper == probe_.helpers.end()) return;
  ++probe_.nacks;
}

void Swim::send_ping(Member& member, Instant now) {
  if (member.ping_number == 0 || now - member.pinged_at > kPingLife) {
    member.ping_number = draw_ping_number(random_);
    member.pinged_at = now;
  }
  ByteWriter out;
  write_message(out, PingMessage{member.ping_number});
  if (options_.lifeguard && member.suspicion != nullptr) {
    // Lifeguard's "buddy system": who is suspect learns of it from whoever probes it.
    write_message(out, AccusationMessage{false, member.identity, member.incarnation,
                                         member.suspicion->accuser()});
  }
  send_with_news(member.identity, std::move(out));
}

void Swim::begin_period(Instant now) {
  end_probe(now);
  // A machine that slept does not make up for the periods it missed.
  period_at_ = now + awareness_.scale(options_.period);
  Member* const target = members_.next_to_probe();
  if (target == nullptr) return;
  send_ping(*target, now);
  probe_ = {true,
            target->identity,
            target->ping_number,
            now + awareness_.scale(options_.ping_timeout),
            {},
            0,
            false};
}

void Swim::end_probe(Instant now) {
  if (!probe_.is_active) return;
  probe_.is_active = false;
  if (probe_.is_answered) {
    if (options_.lifeguard) awareness_.improve();
    return;
  }
  if (options_.lifeguard) {
    // Helpers that say nothing at all are a sign that it is we who are not heard.
    const std::size_t silent =
        probe_.helpers.size() - std::min(probe_.nacks, probe_.helpers.size());
    awareness_.worsen(probe_.helpers.empty() ? 1 : static_cast<int>(silent));
  }
  Member* const target = members_.find(probe_.target);
  if (target != nullptr && target->is_up()) suspect(*target, self_, now);
}

void Swim::ask_helpers(Instant now) {
  probe_.second_at = kFarFuture;
  Member* const target = members_.find(probe_.target);
  if (probe_.is_answered || target == nullptr) return;
  send_ping(*target, now);
  for (const Member* const helper : members_.draw_up(options_.helpers, probe_.target)) {
    probe_.helpers.push_back(helper->identity);
    send(helper->identity, PingRequestMessage{probe_.number, probe_.target});
  }
}

void Swim::expire_relays(Instant now) {
  std::erase_if(relays_, [&](const Relay& relay) { return relay.ends_at <= now; });
  relay_at_ = kFarFuture;
  for (Relay& relay : relays_) {
    if (relay.nack_at <= now) {
      send(relay.origin, NackMessage{relay.number});
      relay.nack_at = kFarFuture;
    }
    relay_at_ = std::min({relay_at_, relay.nack_at, relay.ends_at});
  }
}

// --- the dead ------------------------------------------------------------------------------------

// If one is back, so may be all that went with it.
void Swim::start_sweep(const Identity& but, Instant now) {
  for (const Member& member : members_.all()) {
    if (member.state == MemberState::dead && member.identity != but) {
      sweep_.push_back(member.identity);
    }
  }
  // In an order of one's own, or everybody would ask the same member at once.
  for (std::size_t i = sweep_.size(); i > 1; --i) {
    std::swap(sweep_[i - 1], sweep_[random_below(random_, i)]);
  }
  if (!sweep_.empty()) sweep_at_ = now;
  next_sweep_ =
      now + options_.sweep_interval * static_cast<std::int64_t>(sweep_.size()) + kSweepPause;
}

void Swim::sweep_one(Instant now) {
  while (!sweep_.empty()) {
    Member* const member = members_.find(sweep_.front());
    sweep_.pop_front();
    const bool is_marked = member != nullptr && (member->state == MemberState::dead ||
                                                 member->state == MemberState::suspect);
    if (!is_marked) continue;
    send_ping(*member, now);
    sweep_at_ = now + options_.sweep_interval;
    return;
  }
  sweep_at_ = kFarFuture;
}

void Swim::probe_dead_or_seed(Instant now) {
  dead_probe_at_ = now + options_.dead_probe_interval;
  // One of the dead, or the seeds, which stand for one more.
  std::uint64_t chosen = random_below(random_, members_.dead() + 1);
  for (Member& member : members_.all()) {
    if (member.state != MemberState::dead) continue;
    if (chosen-- != 0) continue;
    send_ping(member, now);
    return;
  }
  actions_.emplace_back(TrySeed{});
}

// A member marked by us that may well answer: asked before the others of the sweep, at its pace.
void Swim::recheck(const Member& member, Instant now) {
  if (member.ping_number != 0 && now - member.pinged_at < options_.period) return;
  if (!sweep_.empty() && sweep_.front() == member.identity) return;
  sweep_.push_front(member.identity);
  if (sweep_at_ == kFarFuture) sweep_at_ = now;
}

}  // namespace xm
