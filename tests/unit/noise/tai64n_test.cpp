#include "agent/noise/tai64n.hpp"

#include <doctest/doctest.h>

#include "tests/unit/crypto/vectors.hpp"

namespace xm {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kWall = 1'700'000'000 * kSecond;
constexpr Instant kStart{1'000 * kSecond};

Tai64n at(std::int64_t nanoseconds) {
  return Tai64n::from({nanoseconds});
}

}  // namespace

TEST_CASE("Tai64n: seconds and nanoseconds are big-endian, TAI is 10 s ahead of the epoch") {
  CHECK(test::to_hex(at(0).octets) == "400000000000000a00000000");
  CHECK(test::to_hex(at(kSecond).octets) == "400000000000000b00000000");
  CHECK(test::to_hex(at(kWall + 0x07000000).octets) == "400000006553f10a07000000");
  CHECK(test::to_hex(at(-1).octets) == "40000000000000093b000000");
}

TEST_CASE("Tai64n: the low bits are whitened") {
  CHECK(at(kWall + 0x06ffffff) == at(kWall + 0x06000000));
  CHECK(at(kWall + 0x07000000) > at(kWall + 0x06ffffff));
  CHECK(at(kWall + kSecond) > at(kWall + kSecond - 1));
}

TEST_CASE("Tai64n: order is order in time") {
  CHECK(at(kWall) < at(kWall + Tai64n::kStep));
  CHECK(at(kWall + kSecond - 1) < at(kWall + kSecond));
  CHECK(at(255 * kSecond) < at(256 * kSecond));
}

TEST_CASE("TimestampSource: follows the clock, and never repeats nor goes back") {
  TimestampSource source;
  CHECK(source.next({kWall}) == at(kWall));
  CHECK(source.next({kWall + 5 * kSecond}) == at(kWall + 5 * kSecond));

  Tai64n last = source.next({kWall + 5 * kSecond});
  CHECK(last > at(kWall + 5 * kSecond));
  // A year back, and more of them than a second has steps.
  for (int i = 0; i < 200; ++i) {
    const Tai64n next = source.next({kWall - 31'536'000 * kSecond + i});
    CHECK(next > last);
    last = next;
  }
  CHECK(last < at(kWall + 10 * kSecond));
  // The clock has caught up.
  CHECK(source.next({kWall + 60 * kSecond}) == at(kWall + 60 * kSecond));
}

TEST_CASE("TimestampSource: strictly increasing from any fraction of a second") {
  for (std::int64_t fraction = 0; fraction < kSecond; fraction += 3'333'333) {
    TimestampSource source;
    const Tai64n first = source.next({kWall + fraction});
    const Tai64n second = source.next({kWall + fraction + 1});
    CHECK(second > first);
    CHECK(source.next({kWall}) > second);
  }
}

TEST_CASE("TimestampGuard: only newer timestamps") {
  TimestampGuard guard;
  CHECK(guard.accept(at(kWall), kStart) == TimestampVerdict::fresh);
  CHECK(guard.accept(at(kWall), kStart + 1s) == TimestampVerdict::replayed);
  CHECK(guard.accept(at(kWall - kSecond), kStart + 2s) == TimestampVerdict::replayed);
  CHECK(guard.accept(at(kWall + Tai64n::kStep), kStart + 3s) == TimestampVerdict::fresh);
  CHECK(guard.accept(at(kWall), kStart + 4s) == TimestampVerdict::replayed);
}

TEST_CASE("TimestampGuard: at most 50 a second") {
  TimestampGuard guard;
  CHECK(guard.accept(at(kWall), kStart) == TimestampVerdict::fresh);
  const Tai64n next = at(kWall + kSecond);
  CHECK(guard.accept(next, kStart + 20ms - 1ns) == TimestampVerdict::too_frequent);
  // What was refused for being early may come again.
  CHECK(guard.accept(next, kStart + 20ms) == TimestampVerdict::fresh);

  int accepted = 0;
  for (int i = 1; i <= 1000; ++i) {
    if (guard.accept(at(kWall + (1 + i) * kSecond), kStart + 20ms + i * 1ms) ==
        TimestampVerdict::fresh) {
      ++accepted;
    }
  }
  CHECK(accepted == 50);
}

TEST_CASE("TimestampGuard: looking changes nothing") {
  TimestampGuard guard;
  CHECK(guard.judge(at(kWall), kStart) == TimestampVerdict::fresh);
  CHECK(guard.judge(at(kWall), kStart) == TimestampVerdict::fresh);
  CHECK(guard.accept(at(kWall), kStart) == TimestampVerdict::fresh);
  CHECK(guard.judge(at(kWall), kStart) == TimestampVerdict::replayed);
}

}  // namespace xm
