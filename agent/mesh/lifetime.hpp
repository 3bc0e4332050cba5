// From when to when a signed statement holds, in whole seconds since the Unix epoch: it is compared
// between machines, whose clocks differ.
#pragma once

#include <cstdint>

#include "xdpmesh/clock.hpp"

namespace xm {

using UnixSeconds = std::int64_t;

inline constexpr UnixSeconds kHour = 3600;
inline constexpr UnixSeconds kDay = 24 * kHour;
// The year 10889: what a form may hold, so that sums never overflow.
inline constexpr UnixSeconds kLastUnixSecond = (UnixSeconds{1} << 38) - 1;

[[nodiscard]] inline UnixSeconds seconds_of(WallTime at) {
  return at.nanoseconds / 1'000'000'000;
}

struct Lifetime {
  UnixSeconds issued = 0;
  UnixSeconds expires = 0;

  [[nodiscard]] UnixSeconds length() const { return expires - issued; }
  // 0 ≤ issued < expires ≤ kLastUnixSecond.
  [[nodiscard]] bool is_sound() const {
    return issued >= 0 && issued < expires && expires <= kLastUnixSecond;
  }
  friend bool operator==(const Lifetime&, const Lifetime&) = default;
};

}  // namespace xm
