// The table of members: what is held of each, and in which order they are probed. Bounded.
//
// References to members and their positions hold until the next add() or remove(). One owner.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "agent/crypto/random.hpp"
#include "agent/mesh/authority.hpp"
#include "agent/mesh/identity.hpp"
#include "agent/mesh/suspicion.hpp"
#include "xdpmesh/clock.hpp"

namespace xm {

// Our own view: `suspect` and `dead` are marks of ours, not facts. `left` was signed by the member.
enum class MemberState : std::uint8_t { alive, suspect, dead, left };
[[nodiscard]] std::string_view member_state_name(MemberState state);

// design: a session of the data plane goes only after so long without an answer of any kind.
inline constexpr Duration kSilence = 180s;

struct Member {
  Identity identity;
  MemberState state = MemberState::alive;
  std::uint64_t incarnation = 0;  // of `statement`; 0 while there is none
  SharedRecord record;            // never null
  SharedStatement statement;
  std::unique_ptr<Suspicion> suspicion;  // while suspect
  Instant state_since;
  Instant answered_at;            // never: it has not answered yet
  std::uint64_t ping_number = 0;  // of the ping it has not answered; 0: none is out
  Instant pinged_at;
  Instant accusations_paid_until;  // the limit of accusations by this member (swim_claims.cpp)

  [[nodiscard]] bool is_up() const {
    return state == MemberState::alive || state == MemberState::suspect;
  }
};

class MemberTable {
 public:
  static constexpr std::size_t kNone = SIZE_MAX;

  // `random` outlives the table and draws the order of probes. At most `capacity` members.
  MemberTable(Random& random, std::size_t capacity) : random_(random), capacity_(capacity) {}

  // Null when it is not there. The pointer is good until the next add() or remove().
  [[nodiscard]] Member* find(const Identity& identity);
  [[nodiscard]] const Member* find(const Identity& identity) const;
  // Null when the table is full. The identity must not be there yet.
  Member* add(const Identity& identity, SharedRecord record, Instant now);
  void remove(const Identity& identity);
  // From now on; whoever is there stays, however many they are.
  void set_capacity(std::size_t capacity) { capacity_ = capacity; }
  // The only way to change a state: the counts depend on it.
  void set_state(Member& member, MemberState state, Instant now);

  [[nodiscard]] std::size_t size() const { return members_.size(); }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  // Alive or suspect.
  [[nodiscard]] std::size_t up() const { return up_; }
  [[nodiscard]] std::size_t dead() const { return dead_; }
  [[nodiscard]] std::span<Member> all() { return members_; }
  [[nodiscard]] std::span<const Member> all() const { return members_; }

  // The next member that is up, in an order that is drawn anew each time all have had their turn,
  // so that nobody waits longer than two rounds (SWIM, 4.3). Null when nobody is up.
  [[nodiscard]] Member* next_to_probe();
  // Up to `most` different members that are up, drawn evenly, without `excluded`.
  [[nodiscard]] std::vector<Member*> draw_up(std::size_t most, const Identity& excluded);

 private:
  [[nodiscard]] std::size_t position_of(const Identity& identity) const;
  [[nodiscard]] std::size_t slot_of(const Identity& identity) const;
  void rebuild_index(std::size_t slots);
  void shuffle_order();

  Random& random_;
  std::size_t capacity_;
  std::vector<Member> members_;
  std::vector<std::uint32_t>
      index_;  // open addressing: position + 1, 0 is free; half empty at least
  std::vector<std::uint32_t> order_;  // positions
  std::size_t turn_ = 0;
  std::size_t up_ = 0;
  std::size_t dead_ = 0;
};

// Evenly from [0, bound); bound ≥ 1.
[[nodiscard]] std::uint64_t random_below(Random& random, std::uint64_t bound);
// Never 0.
[[nodiscard]] std::uint64_t draw_ping_number(Random& random);

}  // namespace xm
