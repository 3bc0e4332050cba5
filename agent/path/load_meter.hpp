// When a worker's load calls for help, and whether the help it gets is worth having. Pure: takes
// times and counts.
#pragma once

#include <algorithm>
#include <cstdint>

#include "xdpmesh/clock.hpp"

namespace xm {

// The share of a processor that a thread has had, over windows of at least kWindow. A thread that
// shares its processor with others never comes near one: where processors are scarce, nobody is
// busy in this sense.
class LoadMeter {
 public:
  static constexpr Duration kWindow = 10ms;
  // Far apart: help lowers the load of who is helped, and must not end itself by that.
  static constexpr int kBusyPercent = 95;
  static constexpr int kIdlePercent = 40;

  enum class Load : std::uint8_t { idle, usual, busy };

  // Whether a window has passed.
  [[nodiscard]] bool is_due(Instant now) const { return now - window_began_ >= kWindow; }

  // Ends a window. `processor`: CPU time of the thread so far.
  void note(Instant now, Duration processor) {
    const Duration passed = now - window_began_;
    const Duration used = processor - window_used_;
    window_began_ = now;
    window_used_ = processor;
    if (used * 100 >= passed * kBusyPercent) {
      load_ = Load::busy;
    } else {
      load_ = used * 100 < passed * kIdlePercent ? Load::idle : Load::usual;
    }
  }
  // Begins a window anew: what the thread has done since is not its own load.
  void restart(Instant now, Duration processor) {
    window_began_ = now;
    window_used_ = processor;
  }
  [[nodiscard]] Load load() const { return load_; }

 private:
  Instant window_began_{};
  Duration window_used_{};
  Load load_ = Load::idle;
};

// Help that comes too late costs more than it gives: when of the packets offered in a window more
// than a quarter had to be taken back, there is no help for a while, each time twice as long.
class HandoffTrial {
 public:
  static constexpr Duration kFirstPause = 100ms;
  static constexpr Duration kLongestPause = 60s;

  void note_window(Instant now, std::uint64_t handed, std::uint64_t taken_back) {
    const std::uint64_t came = handed - handed_;
    const std::uint64_t late = taken_back - taken_back_;
    handed_ = handed;
    taken_back_ = taken_back;
    if (came + late == 0) return;
    if (late * 4 > came + late) {
      pause_ends_ = now + pause_;
      pause_ = std::min(pause_ * 2, Duration(kLongestPause));
    } else {
      pause_ = kFirstPause;
    }
  }
  [[nodiscard]] bool may_try(Instant now) const { return now >= pause_ends_; }

 private:
  std::uint64_t handed_ = 0;
  std::uint64_t taken_back_ = 0;
  Instant pause_ends_{};
  Duration pause_ = kFirstPause;
};

}  // namespace xm
