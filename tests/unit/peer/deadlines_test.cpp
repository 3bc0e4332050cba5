#include "agent/peer/deadlines.hpp"

#include <doctest/doctest.h>

namespace xm {
namespace {

TEST_CASE("deadlines: the earliest first, one a peer") {
  Deadlines deadlines;
  CHECK(deadlines.next() == kFarFuture);
  deadlines.set(1, Instant{30});
  deadlines.set(2, Instant{10});
  deadlines.set(3, Instant{20});
  deadlines.set(2, Instant{40});
  deadlines.set(2, Instant{40});
  CHECK(deadlines.next() == Instant{20});
  CHECK_FALSE(deadlines.pop_due(Instant{19}).has_value());
  CHECK(deadlines.pop_due(Instant{35}) == PeerId{3});
  CHECK(deadlines.pop_due(Instant{35}) == PeerId{1});
  CHECK_FALSE(deadlines.pop_due(Instant{35}).has_value());
  deadlines.set(2, kFarFuture);
  deadlines.set(2, kFarFuture);
  CHECK(deadlines.next() == kFarFuture);
}

TEST_CASE("deadlines: ten thousand peers, moved about") {
  Deadlines deadlines;
  for (PeerId peer = 1; peer <= 10'000; ++peer) {
    deadlines.set(peer, Instant{static_cast<std::int64_t>(peer * 7919 % 10'007)});
  }
  for (PeerId peer = 1; peer <= 10'000; peer += 2) deadlines.set(peer, kFarFuture);
  Instant last{};
  unsigned popped = 0;
  unsigned wrong = 0;
  while (deadlines.next() != kFarFuture) {
    const Instant at = deadlines.next();
    const auto peer = deadlines.pop_due(at);
    wrong += at < last || !peer || *peer % 2 != 0;
    last = at;
    ++popped;
  }
  CHECK(wrong == 0);
  CHECK(popped == 5000);
}

}  // namespace
}  // namespace xm
