// When a worker sleeps a moment before it looks again, so that packets gather. Pure: takes times
// and counts.
//
// Packets that come one by one, as from a driver that joins none, wake a worker that is faster than
// they are for each of them, and the waking costs more than the packet. Sleeping for a fixed time
// costs as much as one waking, and is paid once for all that come meanwhile.
#pragma once

#include <algorithm>
#include <cstdint>

#include "xdpmesh/clock.hpp"

namespace xm {

class Gather {
 public:
  // A rate is known after so long; what is slower than kLeastRate a second is never kept waiting.
  static constexpr Duration kWindow = 1ms;
  static constexpr std::uint64_t kLeastRate = 50'000;
  // So many shall come together, but none waits longer than kLongest for it.
  static constexpr std::uint64_t kWanted = 32;
  static constexpr Duration kLongest = 100us;
  // Begins where fewer than this come in a turn by themselves, ends where more than that do: they
  // gather without help, because the worker has no time to sleep or because the kernel joins them.
  static constexpr std::uint64_t kFew = 16;
  static constexpr std::uint64_t kMany = 96;

  // A turn that has received something, and how much.
  void note(Instant now, std::uint64_t datagrams) {
    datagrams_ += datagrams;
    ++turns_;
    const Duration passed = now - window_began_;
    if (passed < kWindow) return;
    judge(static_cast<std::uint64_t>(passed.count()));
    window_began_ = now;
    datagrams_ = turns_ = 0;
  }

  // How long to sleep before the next look; zero: not at all.
  [[nodiscard]] Duration pause() const { return pause_; }

 private:
  void judge(std::uint64_t nanoseconds) {
    const bool is_fast = datagrams_ * 1'000'000'000 >= kLeastRate * nanoseconds;
    const std::uint64_t most_each = pause_ == Duration::zero() ? kFew : kMany;
    if (!is_fast || datagrams_ > most_each * turns_) {
      pause_ = Duration::zero();
    } else {
      pause_ = std::min(Duration(nanoseconds * kWanted / datagrams_), Duration(kLongest));
    }
  }

  Instant window_began_{};
  std::uint64_t datagrams_ = 0;
  std::uint64_t turns_ = 0;
  Duration pause_{};
};

}  // namespace xm
