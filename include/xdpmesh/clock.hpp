// Time as the protocol cores see it: a value handed in, never read.
//
// Instants count nanoseconds of CLOCK_BOOTTIME (it goes on while the machine sleeps, so a key that
// slept past its life is refused). Wall time is used for TAI64N timestamps and for display only.
#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>

namespace xm {

using Duration = std::chrono::nanoseconds;
using namespace std::chrono_literals;  // NOLINT(google-global-names-in-headers): units everywhere

// A point on the boot clock. Instant{} (zero) is "never": no running machine produces it.
struct Instant {
  std::int64_t nanoseconds = 0;

  [[nodiscard]] bool is_never() const { return nanoseconds == 0; }
  friend auto operator<=>(Instant, Instant) = default;
  friend Instant operator+(Instant at, Duration by) { return {at.nanoseconds + by.count()}; }
  friend Instant operator-(Instant at, Duration by) { return {at.nanoseconds - by.count()}; }
  friend Duration operator-(Instant a, Instant b) {
    return Duration(a.nanoseconds - b.nanoseconds);
  }
};

inline constexpr Instant kFarFuture{INT64_MAX};

// Nanoseconds since the Unix epoch.
struct WallTime {
  std::int64_t nanoseconds = 0;
};

// The two clocks, read once per input of a protocol: timers run on the first, timestamps and what
// is compared between machines on the second.
struct Moment {
  Instant now;
  WallTime wall;
};

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Instant now() const = 0;
  [[nodiscard]] virtual WallTime wall() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] Instant now() const override { return {read(CLOCK_BOOTTIME)}; }
  [[nodiscard]] WallTime wall() const override { return {read(CLOCK_REALTIME)}; }

 private:
  static std::int64_t read(clockid_t id) {
    timespec time{};
    clock_gettime(id, &time);
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
  }
};

}  // namespace xm
