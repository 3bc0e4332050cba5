#include "agent/mesh/members.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "xdpmesh/bytes.hpp"

namespace xm {

std::string_view member_state_name(MemberState state) {
  switch (state) {
    case MemberState::alive:
      return "alive";
    case MemberState::suspect:
      return "suspect";
    case MemberState::dead:
      return "dead";
    case MemberState::left:
      return "left";
  }
  return "unknown";
}

std::uint64_t random_below(Random& random, std::uint64_t bound) {
  std::array<std::uint8_t, 8> raw;
  random.fill(raw);
  // The bias is bound / 2^64.
  return load_le64(raw.data()) % bound;
}

std::uint64_t draw_ping_number(Random& random) {
  std::array<std::uint8_t, 8> raw;
  random.fill(raw);
  return std::max<std::uint64_t>(load_le64(raw.data()), 1);
}

Member* MemberTable::find(const Identity& identity) {
  const std::size_t position = position_of(identity);
  return position == kNone ? nullptr : &members_[position];
}

const Member* MemberTable::find(const Identity& identity) const {
  const std::size_t position = position_of(identity);
  return position == kNone ? nullptr : &members_[position];
}

Member* MemberTable::add(const Identity& identity, SharedRecord record, Instant now) {
  if (members_.size() >= capacity_) return nullptr;
  if ((members_.size() + 1) * 2 > index_.size()) {
    rebuild_index(std::max<std::size_t>(16, index_.size() * 2));
  }
  const auto position = static_cast<std::uint32_t>(members_.size());
  Member& member = members_.emplace_back();
  member.identity = identity;
  member.record = std::move(record);
  member.state_since = now;
  index_[slot_of(identity)] = position + 1;
  // A place of its own among those still to come and those that were: newcomers share no moment.
  order_.push_back(position);
  std::swap(order_.back(), order_[random_below(random_, order_.size())]);
  ++up_;
  return &member;
}

void MemberTable::remove(const Identity& identity) {
  const std::size_t position = position_of(identity);
  if (position == kNone) return;
  set_state(members_[position], MemberState::left, members_[position].state_since);
  if (position + 1 != members_.size()) members_[position] = std::move(members_.back());
  members_.pop_back();
  rebuild_index(index_.size());
  order_.resize(members_.size());
  for (std::size_t i = 0; i < order_.size(); ++i) order_[i] = static_cast<std::uint32_t>(i);
  shuffle_order();
}

void MemberTable::set_state(Member& member, MemberState state, Instant now) {
  up_ -= member.is_up() ? 1 : 0;
  dead_ -= member.state == MemberState::dead ? 1 : 0;
  member.state = state;
  member.state_since = now;
  if (state != MemberState::suspect) member.suspicion.reset();
  up_ += member.is_up() ? 1 : 0;
  dead_ += state == MemberState::dead ? 1 : 0;
}

Member* MemberTable::next_to_probe() {
  if (up_ == 0) return nullptr;
  for (;;) {
    if (turn_ >= order_.size()) shuffle_order();
    Member& member = members_[order_[turn_++]];
    if (member.is_up()) return &member;
  }
}

std::vector<Member*> MemberTable::draw_up(std::size_t most, const Identity& excluded) {
  std::vector<Member*> drawn;
  if (members_.empty()) return drawn;
  // Where few are up among many, blind draws miss: after these it is enough to have some.
  for (std::size_t tries = 0; tries < 8 * most + 8 && drawn.size() < most; ++tries) {
    Member& member = members_[random_below(random_, members_.size())];
    if (!member.is_up() || member.identity == excluded) continue;
    if (std::find(drawn.begin(), drawn.end(), &member) == drawn.end()) drawn.push_back(&member);
  }
  return drawn;
}

std::size_t MemberTable::position_of(const Identity& identity) const {
  if (index_.empty()) return kNone;
  const std::uint32_t held = index_[slot_of(identity)];
  return held == 0 ? kNone : held - 1;
}

// Where the identity is, or the free slot where it would be. Keys are points of a curve that their
// owners were trusted for: their first bytes are hash enough.
std::size_t MemberTable::slot_of(const Identity& identity) const {
  std::size_t slot = load_le64(identity.key.data()) & (index_.size() - 1);
  while (index_[slot] != 0 && members_[index_[slot] - 1].identity != identity) {
    slot = (slot + 1) & (index_.size() - 1);
  }
  return slot;
}

void MemberTable::rebuild_index(std::size_t slots) {
  index_.assign(slots, 0);
  for (std::size_t i = 0; i < members_.size(); ++i) {
    index_[slot_of(members_[i].identity)] = static_cast<std::uint32_t>(i + 1);
  }
}

void MemberTable::shuffle_order() {
  turn_ = 0;
  for (std::size_t i = order_.size(); i > 1; --i) {
    std::swap(order_[i - 1], order_[random_below(random_, i)]);
  }
}

}  // namespace xm
