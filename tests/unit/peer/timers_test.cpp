#include "agent/peer/timers.hpp"

#include <doctest/doctest.h>

#include "tests/support/seeded_random.hpp"

namespace xm {
namespace {

constexpr Instant kStart{1'000'000'000'000};

struct Fixture {
  Activity activity;
  test::SeededRandom random;
  PeerTimers timers{activity, random};

  Fixture() { timers.interface_up(kStart); }

  // The next thing due, and when.
  std::pair<Instant, TimersDue> next() {
    const Instant at = timers.next_deadline();
    return {at, at == kFarFuture ? TimersDue{} : timers.expire(at)};
  }
};

bool nothing_is(const TimersDue& due) {
  return !due.retransmit_handshake && !due.give_up_handshake && !due.new_handshake &&
         !due.keepalive && !due.zero_keys;
}

bool within(Instant at, Instant from, Duration jitter) {
  return at >= from && at < from + jitter;
}

TEST_CASE("timers: an idle peer waits for nothing") {
  Fixture f;
  CHECK(f.timers.next_deadline() == kFarFuture);
  CHECK(nothing_is(f.timers.expire(kStart + 1000s)));
}

TEST_CASE("timers: a handshake is tried for 90 s and more, then given up") {
  Fixture f;
  f.timers.handshake_initiated(kStart);
  Instant last = kStart;
  unsigned retransmits = 0;
  for (;;) {
    const auto [at, due] = f.next();
    CHECK(within(at, last + kRekeyTimeout, kHandshakeJitter));
    last = at;
    if (due.give_up_handshake) break;
    REQUIRE(due.retransmit_handshake);
    ++retransmits;
    f.timers.handshake_initiated(at);
  }
  CHECK(retransmits == kMaxHandshakeAttempts + 1);
  CHECK(last - kStart >= 90s);
  CHECK(last - kStart <= 110s);
  CHECK_FALSE(f.timers.handshake_is_underway());
  // Without a session the keys' end counts from the giving up.
  const auto [at, due] = f.next();
  CHECK(due.zero_keys);
  CHECK(at == last + 540s);
}

TEST_CASE("timers: new packets that want the session restart the attempts") {
  Fixture f;
  f.timers.handshake_initiated(kStart);
  for (unsigned i = 0; i < 100; ++i) {
    const auto [at, due] = f.next();
    REQUIRE(due.retransmit_handshake);
    f.timers.restart_attempts();
    f.timers.handshake_initiated(at);
  }
}

TEST_CASE("timers: completion ends the attempts") {
  Fixture f;
  f.timers.handshake_initiated(kStart);
  f.timers.handshake_complete();
  CHECK(f.timers.next_deadline() == kFarFuture);
}

TEST_CASE("timers: a handshake put off is started by the retransmit timer, once") {
  Fixture f;
  f.timers.handshake_put_off(kStart + 3s);
  f.timers.handshake_put_off(kStart + 60s);
  const auto [at, due] = f.next();
  CHECK(within(at, kStart + 3s, kHandshakeJitter));
  CHECK(due.retransmit_handshake);
  CHECK(f.timers.next_deadline() == kFarFuture);
}

TEST_CASE("timers: a new handshake 15 s after the first unanswered data packet") {
  Fixture f;
  CHECK(f.activity.data_sent(kStart));
  CHECK_FALSE(f.activity.data_sent(kStart + 14s));  // armed already, and not the first
  CHECK(nothing_is(f.timers.expire(kStart + 14s)));
  const auto [at, due] = f.next();
  CHECK(within(at, kStart + 15s, kHandshakeJitter));
  CHECK(due.new_handshake);
  CHECK(f.timers.next_deadline() == kFarFuture);
}

TEST_CASE("timers: any authenticated packet answers; the next data packet counts anew") {
  Fixture f;
  (void)f.activity.data_sent(kStart);
  f.activity.received(kStart + 14s);
  CHECK(f.timers.next_deadline() == kFarFuture);
  (void)f.activity.data_sent(kStart + 20s);
  CHECK(within(f.timers.next_deadline(), kStart + 35s, kHandshakeJitter));
}

TEST_CASE("timers: a passive keepalive 10 s after the first data packet that nothing followed") {
  Fixture f;
  (void)f.activity.data_received(kStart);
  (void)f.activity.data_received(kStart + 9s);
  const auto [at, due] = f.next();
  CHECK(at == kStart + 10s);
  CHECK(due.keepalive);
  CHECK(f.timers.next_deadline() == kFarFuture);

  (void)f.activity.data_received(kStart + 20s);
  f.activity.sent(kStart + 21s);
  CHECK(f.timers.next_deadline() == kFarFuture);
  f.activity.received(kStart + 22s);  // a keepalive of theirs asks for none of ours
  CHECK(f.timers.next_deadline() == kFarFuture);
}

TEST_CASE("timers: the persistent keepalive counts from the last packet in either direction") {
  Fixture f;
  f.timers.set_persistent_keepalive(25, kStart);
  CHECK(f.timers.next_deadline() == kStart + 25s);
  f.activity.sent(kStart + 10s);
  CHECK(f.timers.next_deadline() == kStart + 35s);
  f.activity.received(kStart + 20s);
  CHECK(nothing_is(f.timers.expire(kStart + 44s)));
  const auto [at, due] = f.next();
  CHECK(at == kStart + 45s);
  CHECK(due.keepalive);
  // Nothing was sent, say for want of an endpoint: it is not due again at once.
  CHECK(f.timers.next_deadline() == kStart + 70s);
  f.timers.set_persistent_keepalive(0, kStart + 50s);
  CHECK(f.timers.next_deadline() == kFarFuture);
}

TEST_CASE("timers: keys are zeroed 540 s after the last session") {
  Fixture f;
  f.timers.session_derived(kStart);
  f.timers.session_derived(kStart + 120s);
  CHECK(nothing_is(f.timers.expire(kStart + 659s)));
  const auto [at, due] = f.next();
  CHECK(at == kStart + 660s);
  CHECK(due.zero_keys);
  CHECK(f.timers.next_deadline() == kFarFuture);
}

TEST_CASE("timers: nothing is due while the interface is down") {
  Fixture f;
  f.timers.handshake_initiated(kStart);
  f.timers.session_derived(kStart);
  f.timers.set_persistent_keepalive(1, kStart);
  (void)f.activity.data_sent(kStart);
  (void)f.activity.data_received(kStart);
  f.timers.interface_down();
  CHECK(f.timers.next_deadline() == kFarFuture);
  CHECK(nothing_is(f.timers.expire(kStart + 10000s)));
  f.timers.interface_up(kStart + 10000s);
  CHECK(f.timers.next_deadline() == kStart + 10001s);  // the persistent keepalive alone
}

TEST_CASE("timers: jitter differs from time to time and stays below its bound") {
  Fixture f;
  Instant lowest = kFarFuture;
  Instant highest{};
  for (unsigned i = 0; i < 1000; ++i) {
    f.timers.handshake_initiated(kStart);
    lowest = std::min(lowest, f.timers.next_deadline());
    highest = std::max(highest, f.timers.next_deadline());
  }
  CHECK(lowest >= kStart + kRekeyTimeout);
  CHECK(lowest < kStart + kRekeyTimeout + 10ms);
  CHECK(highest < kStart + kRekeyTimeout + kHandshakeJitter);
  CHECK(highest > kStart + kRekeyTimeout + 320ms);
}

}  // namespace
}  // namespace xm
