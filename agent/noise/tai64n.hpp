// TAI64N timestamps of handshake initiations: ours, which never go back, and the guard against
// replays and floods of theirs (WireGuard paper, 5.1 and 5.4.2; kernel noise.c, tai64n_now() and
// wg_noise_handshake_consume_initiation()).
//
// Plain values of one owner: no locks, no clock is read.
#pragma once

#include <array>
#include <compare>
#include <cstdint>

#include "agent/wire/wg.hpp"
#include "xdpmesh/bytes.hpp"
#include "xdpmesh/clock.hpp"

namespace xm {

// A peer may initiate this often; faster than that is a flood.
inline constexpr std::int64_t kInitiationsPerSecond = 50;

// 8 bytes of seconds and 4 of nanoseconds, both big-endian: bytewise order is order in time.
struct Tai64n {
  std::array<std::uint8_t, kTimestampSize> octets{};

  // The largest power of two within 1 s / 50. Nanoseconds are rounded down to it, so that a
  // timestamp, which travels under a key of limited secrecy, tells no one our clock's finer state.
  static constexpr std::int64_t kStep = std::int64_t{1} << 24;

  static constexpr std::int64_t kSecond = 1'000'000'000;
  static constexpr std::uint64_t kUnixEpoch = 0x400000000000000a;  // TAI was 10 s ahead of UTC

  [[nodiscard]] static Tai64n from(WallTime wall) {
    std::int64_t seconds = wall.nanoseconds / kSecond;
    std::int64_t nanoseconds = wall.nanoseconds % kSecond;
    if (nanoseconds < 0) {
      nanoseconds += kSecond;
      --seconds;
    }
    Tai64n stamp;
    store_be64(stamp.octets.data(), kUnixEpoch + static_cast<std::uint64_t>(seconds));
    store_be32(stamp.octets.data() + 8, static_cast<std::uint32_t>(nanoseconds & ~(kStep - 1)));
    return stamp;
  }
  friend auto operator<=>(const Tai64n&, const Tai64n&) = default;  // NOLINT(modernize-use-nullptr)
};

// Makes one peer's outgoing timestamps: each later than the one before, even when the wall clock
// was set back, since the other side takes nothing that is not newer than the newest it has seen.
// (Across a restart with the clock behind, the protocol leaves no way out but time.) One per peer,
// so that a thousand peers' initiations do not run ahead of the clock.
class TimestampSource {
 public:
  [[nodiscard]] Tai64n next(WallTime now) {
    // Steps of a whole kStep from an unaligned time still change the rounded value.
    const std::int64_t floor = last_ + Tai64n::kStep;
    last_ = last_ != kNone && floor > now.nanoseconds ? floor : now.nanoseconds;
    return Tai64n::from({last_});
  }

 private:
  static constexpr std::int64_t kNone = INT64_MIN;
  std::int64_t last_ = kNone;
};

enum class TimestampVerdict : std::uint8_t { fresh, replayed, too_frequent };

// Judges the initiations of one peer: only a timestamp newer than all before, and at most 50 a
// second. Lives as long as the peer; a change of keys does not reset it.
class TimestampGuard {
 public:
  // Looks only. Where one thread judges and another answers, the one that answers accept()s.
  [[nodiscard]] TimestampVerdict judge(const Tai64n& stamp, Instant now) const {
    if (stamp <= newest_) return TimestampVerdict::replayed;
    if (!last_accepted_.is_never() && now - last_accepted_ < kMinimumGap) {
      return TimestampVerdict::too_frequent;
    }
    return TimestampVerdict::fresh;
  }

  // Judges, and when fresh remembers. Call it after the timestamp has been authenticated and
  // before the response is made.
  TimestampVerdict accept(const Tai64n& stamp, Instant now) {
    const TimestampVerdict verdict = judge(stamp, now);
    if (verdict == TimestampVerdict::fresh) {
      newest_ = stamp;
      last_accepted_ = now;
    }
    return verdict;
  }

 private:
  static constexpr Duration kMinimumGap{1'000'000'000 / kInitiationsPerSecond};

  Tai64n newest_;
  Instant last_accepted_;
};

}  // namespace xm
