// A clock that stands until the test moves it.
#pragma once

#include <atomic>
#include <cstdint>

#include "xdpmesh/clock.hpp"

namespace xm::test {

// Thread: any may read while the test moves it.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Instant start = Instant{1'000'000'000'000},
                       WallTime wall = WallTime{1'700'000'000'000'000'000})
      : now_(start.nanoseconds), wall_offset_(wall.nanoseconds - start.nanoseconds) {}

  [[nodiscard]] Instant now() const override { return {now_.load()}; }
  [[nodiscard]] WallTime wall() const override { return {now_.load() + wall_offset_.load()}; }

  void advance(Duration by) { now_ += by.count(); }
  void advance_to(Instant at) { now_ = at.nanoseconds; }
  // The wall clock alone: someone sets the date.
  void shift_wall(Duration by) { wall_offset_ += by.count(); }

 private:
  std::atomic<std::int64_t> now_;
  std::atomic<std::int64_t> wall_offset_;
};

}  // namespace xm::test
