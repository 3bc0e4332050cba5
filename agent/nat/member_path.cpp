#include "agent/nat/member_path.hpp"

#include <algorithm>
#include <utility>

namespace xm {
namespace {

// RFC 6298, section 2.3: the smoothed round trip takes in an eighth of each sample.
Duration smoothed(Duration before, Duration sample) {
  return before == Duration(0) ? sample : before + (sample - before) / 8;
}

}  // namespace

void MemberPath::set_candidates(std::span<const Endpoint> candidates, Instant now) {
  std::vector<Way> before = std::exchange(ways_, {});
  const auto known = [&](const Endpoint& endpoint) {
    return std::find_if(before.begin(), before.end(),
                        [&](const Way& way) { return way.endpoint == endpoint; });
  };
  bool has_new = false;
  for (const Endpoint& endpoint : candidates.first(std::min(candidates.size(), kMostCandidates))) {
    if (find(endpoint) != nullptr) continue;
    const auto old = known(endpoint);
    Way way;
    way.endpoint = endpoint;
    if (old != before.end()) way = *old;
    way.offered = true;
    has_new = has_new || old == before.end();
    ways_.push_back(way);
  }
  // What is learnt stays, and what is in use becomes that.
  for (Way& way : before) {
    if (find(way.endpoint) != nullptr || (way.offered && way.endpoint != used_)) continue;
    way.offered = false;
    learn(way.endpoint) = way;
  }
  if (has_new && wanted_) search_at_ = std::min(search_at_, std::max(now, searched_at_ + kRetry));
}

void MemberPath::set_wanted(bool wanted, Instant now) {
  if (wanted == wanted_) return;
  wanted_ = wanted;
  if (!wanted) {
    for (Way& way : ways_) way.due_at = kFarFuture;
    searching_ = false;
    search_at_ = kFarFuture;
    return;
  }
  searched_in_vain_ = false;
  retry_ = kRetry;
  if (uses_what_answers() && now < quiet_at()) {
    search_at_ = now + kSearchAgain;
  } else {
    search(now);
  }
}

void MemberPath::verified(const Endpoint& endpoint, Duration round_trip, Instant now,
                          std::vector<Action>& actions) {
  Way& way = learn(endpoint);
  // Karn's rule: after a repetition nobody knows which probe the answer is to.
  const bool is_first_answer = way.due_at != kFarFuture && way.probes == 1;
  if (round_trip == Duration(0) && is_first_answer) round_trip = now - way.probed_at;
  if (round_trip > Duration(0)) way.round_trip = smoothed(way.round_trip, round_trip);
  way.answers = true;
  way.heard_at = now;
  way.due_at = kFarFuture;
  searched_in_vain_ = false;
  choose(actions);
  end_search_if_done(now);
}

void MemberPath::heard(const Endpoint& endpoint, Instant now) {
  Way* way = endpoint == used_ ? find(endpoint) : nullptr;
  if (way == nullptr || !way->answers) return;
  way->heard_at = now;
  way->due_at = kFarFuture;
  end_search_if_done(now);
}

void MemberPath::roamed(const Endpoint& endpoint, Instant now) {
  // It has moved: what answered before is asked again before it is believed.
  for (Way& other : ways_) {
    if (other.endpoint == endpoint) continue;
    other.answers = false;
    other.round_trip = Duration(0);
  }
  used_ = endpoint;
  Way& way = learn(endpoint);
  way.answers = true;
  way.heard_at = now;
  way.due_at = kFarFuture;
  searched_in_vain_ = false;
  end_search_if_done(now);
}

void MemberPath::lost(const Endpoint& endpoint, Instant now, std::vector<Action>& actions) {
  Way* way = endpoint == used_ ? find(endpoint) : nullptr;
  if (way == nullptr || !way->answers) return;
  way->answers = false;
  way->round_trip = Duration(0);
  choose(actions);
  if (wanted_) search(now);
}

void MemberPath::network_changed(Instant now) {
  searched_in_vain_ = false;
  retry_ = kRetry;
  if (wanted_) search(now);
}

void MemberPath::on_timers(Instant now, std::vector<Action>& actions) {
  if (!wanted_) return;
  if (now >= search_at_) {
    search(now);
  } else if (now >= quiet_at()) {
    Way& way = *find(used_);
    way.probes = 0;
    way.due_at = now;
  }
  for (Way& way : ways_) {
    if (way.due_at <= now) probe_or_give_up(way, now, actions);
  }
  end_search_if_done(now);
}

Instant MemberPath::next_deadline() const {
  if (!wanted_) return kFarFuture;
  Instant next = std::min(search_at_, quiet_at());
  for (const Way& way : ways_) next = std::min(next, way.due_at);
  return next;
}

MemberPath::Reach MemberPath::reach() const {
  if (uses_what_answers()) return Reach::direct;
  if (searched_in_vain_) return Reach::silent;
  return searching_ ? Reach::searching : Reach::unknown;
}

void MemberPath::search(Instant now) {
  searching_ = true;
  searched_at_ = now;
  search_at_ = kFarFuture;
  Instant due_at = now;
  for (Way& way : ways_) {
    way.probes = 0;
    way.due_at = due_at;
    due_at = due_at + kStagger;
  }
}

void MemberPath::end_search_if_done(Instant now) {
  if (!searching_ || std::any_of(ways_.begin(), ways_.end(),
                                 [](const Way& way) { return way.due_at != kFarFuture; })) {
    return;
  }
  searching_ = false;
  const bool in_vain = !uses_what_answers();
  searched_in_vain_ = in_vain;
  search_at_ = std::min(search_at_, now + (in_vain ? retry_ : kSearchAgain));
  retry_ = in_vain ? std::min(retry_ * 2, kSearchAgain) : kRetry;
}

void MemberPath::probe_or_give_up(Way& way, Instant now, std::vector<Action>& actions) {
  if (way.probes < probes_for(way)) {
    way.due_at = now + kFirstWait * (std::int64_t{1} << way.probes);
    way.probed_at = now;
    ++way.probes;
    actions.emplace_back(Probe{way.endpoint});
    return;
  }
  way.due_at = kFarFuture;
  if (!way.answers) return;
  way.answers = false;
  way.round_trip = Duration(0);
  if (way.endpoint != used_) return;
  choose(actions);
  if (!searching_) search(now);
}

unsigned MemberPath::probes_for(const Way& way) const {
  if (way.endpoint == used_) return kProbes;
  for (const Way& other : ways_) {
    if (&other == &way) break;
    if (other.answers) return 1;
  }
  return kProbes;
}

void MemberPath::choose(std::vector<Action>& actions) {
  const Way* best = nullptr;
  for (const Way& way : ways_) {
    if (way.answers && (best == nullptr || cost_of(way) < cost_of(*best))) best = &way;
  }
  if (best == nullptr || best->endpoint == used_) return;
  const Way* used = find(used_);
  if (used != nullptr && used->answers) {
    const Duration cost = cost_of(*used);
    if (cost_of(*best) + std::max(kMargin, cost / 10) >= cost) return;
  }
  used_ = best->endpoint;
  actions.emplace_back(Use{used_});
}

Duration MemberPath::cost_of(const Way& way) const {
  const auto place = &way - ways_.data();
  const Duration round_trip = way.round_trip == Duration(0) ? kAssumedRoundTrip : way.round_trip;
  return round_trip + kPlaceCost * place;
}

bool MemberPath::uses_what_answers() const {
  const Way* used = find(used_);
  return used != nullptr && used->answers;
}

// Far future while the endpoint in use is being asked already.
Instant MemberPath::quiet_at() const {
  const Way* used = find(used_);
  const bool rests = used != nullptr && used->answers && used->due_at == kFarFuture;
  return rests ? used->heard_at + kQuiet : kFarFuture;
}

const MemberPath::Way* MemberPath::find(const Endpoint& endpoint) const {
  const auto found = std::find_if(ways_.begin(), ways_.end(),
                                  [&](const Way& way) { return way.endpoint == endpoint; });
  return found == ways_.end() ? nullptr : &*found;
}

MemberPath::Way* MemberPath::find(const Endpoint& endpoint) {
  const auto found = std::find_if(ways_.begin(), ways_.end(),
                                  [&](const Way& way) { return way.endpoint == endpoint; });
  return found == ways_.end() ? nullptr : &*found;
}

MemberPath::Way& MemberPath::learn(const Endpoint& endpoint) {
  if (Way* known = find(endpoint)) return *known;
  const auto learnt = static_cast<std::size_t>(
      std::count_if(ways_.begin(), ways_.end(), [](const Way& way) { return !way.offered; }));
  if (learnt >= kMostLearnt) {
    // The one that was silent longest, but not the one in use.
    auto oldest = ways_.end();
    for (auto way = ways_.begin(); way != ways_.end(); ++way) {
      if (way->offered || way->endpoint == used_) continue;
      if (oldest == ways_.end() || way->heard_at < oldest->heard_at) oldest = way;
    }
    ways_.erase(oldest);
  }
  Way way;
  way.endpoint = endpoint;
  ways_.push_back(way);
  return ways_.back();
}

}  // namespace xm
