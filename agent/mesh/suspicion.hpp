// How long a suspect has to answer (Lifeguard, "dynamic suspicion timeouts"; Dadgar et al. 2018).
//
// One accuser alone may be the one whose network fails: the time is then six times as long as when
// two more have said the same. In between it falls with the logarithm of the confirmations, as in
// memberlist's suspicion.go. A value of one owner, no clock is read.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "agent/mesh/identity.hpp"
#include "xdpmesh/clock.hpp"

namespace xm {

inline constexpr std::size_t kSuspicionConfirmations = 2;
inline constexpr int kUnconfirmedFactor = 6;

struct SuspicionTimes {
  Duration least{};               // from the start, once confirmed
  Duration most{};                // from the start, without a confirmation
  std::size_t confirmations = 0;  // how many make it `least`
};

// 5 · max(1, log10 N) periods, and six times that while unconfirmed. `members` counts all that are
// not dead, ourselves too: where fewer than two can confirm, fewer are asked for. Without Lifeguard
// the time is the short one from the start.
[[nodiscard]] SuspicionTimes suspicion_times(Duration period, std::size_t members, bool lifeguard);

class Suspicion {
 public:
  Suspicion(Instant now, const SuspicionTimes& times, const Identity& accuser);

  // Whether this accuser is a new one, and counts: then the accusation is worth passing on.
  [[nodiscard]] bool confirm(const Identity& accuser);
  [[nodiscard]] bool is_accuser(const Identity& identity) const;
  // When the suspect is to be held dead, as things stand; a confirmation may put it into the past.
  [[nodiscard]] Instant deadline() const;
  // Once, when it would have been confirmed by now if others saw the same: the suspect is then to
  // be asked. What made it suspect may be old, and the refutation may have passed us by.
  [[nodiscard]] bool take_question(Instant now);
  // Once, too, when another has confirmed it: what two say of a third may be made up.
  [[nodiscard]] bool take_confirmed_question() {
    return !std::exchange(is_asked_when_confirmed_, true);
  }
  // When to look at it again: for the question, and at the deadline.
  [[nodiscard]] Instant due() const;
  [[nodiscard]] std::size_t confirmations() const { return accusers_ - 1; }
  // Who accused first.
  [[nodiscard]] const Identity& accuser() const { return by_[0]; }

 private:
  Instant started_;
  SuspicionTimes times_;
  std::array<Identity, kSuspicionConfirmations + 1> by_;
  std::size_t accusers_ = 1;
  bool is_asked_ = false;
  bool is_asked_when_confirmed_ = false;
};

}  // namespace xm
