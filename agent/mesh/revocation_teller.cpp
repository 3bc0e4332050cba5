#include "agent/mesh/revocation_teller.hpp"

#include <algorithm>

#include "agent/mesh/members.hpp"

namespace xm {
namespace {

// 200 pages a second to all members together.
constexpr Duration kInterval = 20ms;
constexpr std::size_t kPagesATime = 4;
// How long an acknowledgement is waited for: this, then twice as long each time, up to 64 times.
constexpr Duration kPatience = 1s;
constexpr unsigned kMostDoublings = 6;

RevokedKey key_of(const SignedRevocation& revocation) {
  return {revocation.revocation().organisation, revocation.revocation().key};
}

}  // namespace

void RevocationTeller::begin(const Identity& member, std::size_t held, Instant now) {
  if (held == 0) return;
  Told& told = told_[member];
  told.left = held;
  told.number = 0;
  told.tries = 0;
  told.next_at = now;
  note_due(now);
}

void RevocationTeller::acknowledged(const Identity& member, std::uint64_t number, Instant now) {
  const auto found = told_.find(member);
  if (found == told_.end() || number == 0 || found->second.number != number) return;
  Told& told = found->second;
  told.after = told.page_last;
  told.left -= std::min(told.left, told.page_size);
  told.number = 0;
  told.tries = 0;
  told.next_at = now;
  if (told.left == 0) {
    told_.erase(found);
  } else {
    note_due(now);
  }
}

void RevocationTeller::note_due(Instant at) {
  due_at_ = std::min(due_at_, std::max(at, paced_until_));
}

// The list may have changed meanwhile: its end is where it is now.
std::vector<const SignedRevocation*> RevocationTeller::next_of(const Told& told,
                                                               const TrustStore& trust) {
  const std::size_t most = std::min(kPageSize, told.left);
  auto next = trust.revocations_after(told.after, most);
  if (next.empty()) next = trust.revocations_after(std::nullopt, most);
  return next;
}

// The same number as long as it is the same page, so that an ack to either counts.
RevocationTeller::Page RevocationTeller::make_page(const Identity& member, Told& told,
                                                   const std::vector<const SignedRevocation*>& next,
                                                   Instant now) {
  const RevokedKey last = key_of(*next.back());
  const bool is_same = told.page_size == next.size() && told.page_last == last;
  if (told.number == 0 || !is_same) told.number = draw_ping_number(random_);
  told.page_size = next.size();
  told.page_last = last;
  told.next_at = now + kPatience * (1U << std::min(told.tries++, kMostDoublings));
  Page page{member, told.number, {}};
  for (const SignedRevocation* const revocation : next) {
    page.revocations.push_back(revocation->bytes());
  }
  return page;
}

std::vector<RevocationTeller::Page> RevocationTeller::take_due(const TrustStore& trust,
                                                               Instant now) {
  std::vector<Page> pages;
  if (next_deadline() > now) return pages;
  auto at = turn_ ? told_.upper_bound(*turn_) : told_.begin();
  for (std::size_t seen = told_.size(); seen > 0 && pages.size() < kPagesATime; --seen) {
    if (at == told_.end()) at = told_.begin();
    const auto current = at++;
    if (current->second.next_at > now) continue;
    const auto next = next_of(current->second, trust);
    if (next.empty()) {
      told_.erase(current);
      continue;
    }
    turn_ = current->first;
    pages.push_back(make_page(current->first, current->second, next, now));
  }
  if (!pages.empty()) paced_until_ = now + kInterval;
  due_at_ = kFarFuture;
  for (const auto& [member, told] : told_) note_due(told.next_at);
  return pages;
}

}  // namespace xm
