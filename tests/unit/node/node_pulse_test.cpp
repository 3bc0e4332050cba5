#include "agent/node_pulse.hpp"

#include <doctest/doctest.h>

namespace xm {
namespace {

struct FakeLoop {
  std::uint64_t asked = 0;
  std::uint64_t answered = 0;

  Pulse::Loop face() {
    return {[this] { return ++asked; }, [this] { return answered; }};
  }
};

constexpr Instant kStart{1'000'000'000};

}  // namespace

TEST_CASE("pulse: a loop that answers is asked every interval and never at fault") {
  FakeLoop loop;
  Pulse pulse({loop.face()});
  Instant now = kStart;
  for (std::uint64_t round = 1; round <= 30; ++round) {
    CHECK(pulse.due() <= now);
    pulse.take(now);
    CHECK(loop.asked == round);
    pulse.take(now + Pulse::kInterval / 2);
    CHECK(loop.asked == round);
    loop.answered = loop.asked;
    now = pulse.due();
    CHECK(pulse.fault(now).empty());
  }
}

TEST_CASE("pulse: a loop that does not answer is named, asked no more, and forgiven when it does") {
  FakeLoop good;
  FakeLoop stuck;
  Pulse pulse({good.face(), stuck.face()});
  Instant now = kStart;
  while (now - kStart < Pulse::kStuckAfter) {
    CHECK(pulse.fault(now).empty());
    pulse.take(now);
    good.answered = good.asked;
    now = now + Pulse::kInterval;
  }
  CHECK(stuck.asked == 1);
  CHECK(pulse.fault(now) == "worker 1 has not turned for 10 s");
  stuck.answered = stuck.asked;
  CHECK(pulse.fault(now).empty());
  pulse.take(now);
  CHECK(stuck.asked == 2);
  CHECK(pulse.fault(now + Pulse::kInterval).empty());
}

TEST_CASE("pulse: the answer to an earlier question is none to the next") {
  FakeLoop loop;
  Pulse pulse({loop.face()});
  pulse.take(kStart);
  loop.answered = loop.asked;
  pulse.take(kStart + Pulse::kInterval);
  CHECK(loop.asked == 2);
  CHECK_FALSE(pulse.fault(kStart + Pulse::kInterval + Pulse::kStuckAfter).empty());
}

}  // namespace xm
