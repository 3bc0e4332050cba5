#include "agent/path/gather.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>

namespace xm {
namespace {

constexpr Instant kStart{1'000'000'000};

// Turns of so many datagrams each, so far apart, for so long. Returns the longest pause that was
// asked for.
Duration longest_pause(Gather& gather, Instant from, std::uint64_t each, Duration apart,
                       Duration length) {
  Duration longest{};
  for (Instant at = from; at - from < length; at = at + apart) {
    gather.note(at, each);
    longest = std::max(longest, gather.pause());
  }
  return longest;
}

}  // namespace

TEST_CASE("gather: a slow stream is never kept waiting, whatever came before") {
  for (const Duration apart : std::array<Duration, 5>{1s, 10ms, 1ms, 100us, 21us}) {
    CAPTURE(apart.count());
    Gather gather;
    CHECK(longest_pause(gather, kStart, 1, apart, 3s) == Duration::zero());
  }
  Gather gather;
  REQUIRE(longest_pause(gather, kStart, 1, 5us, 20ms) > Duration::zero());
  (void)longest_pause(gather, kStart + 20ms, 1, 1ms, 3ms);
  CHECK(longest_pause(gather, kStart + 1s, 1, 10ms, 1s) == Duration::zero());
}

TEST_CASE("gather: a short burst after silence is not kept waiting") {
  Gather gather;
  gather.note(kStart, 1);
  CHECK(longest_pause(gather, kStart + 5s, 4, 10us, 900us) == Duration::zero());
}

TEST_CASE("gather: a fast stream of small batches gathers what is wanted, within the limit") {
  Gather fast;
  (void)longest_pause(fast, kStart, 1, 2500ns, 10ms);  // 400,000 a second
  CHECK(fast.pause() == 80us);
  Gather medium;
  (void)longest_pause(medium, kStart, 1, 10us, 10ms);
  CHECK(medium.pause() == Gather::kLongest);
  // And keeps on when they come in the batches that it made.
  (void)longest_pause(fast, kStart + 10ms, 34, 85us, 10ms);
  CHECK(fast.pause() == 80us);
}

TEST_CASE("gather: what comes in large batches by itself is let alone") {
  Gather gather;
  CHECK(longest_pause(gather, kStart, Gather::kFew + 1, 20us, 20ms) == Duration::zero());
  REQUIRE(longest_pause(gather, kStart + 20ms, 2, 5us, 20ms) > Duration::zero());
  (void)longest_pause(gather, kStart + 40ms, Gather::kMany + 1, 100us, 5ms);
  CHECK(gather.pause() == Duration::zero());
}

}  // namespace xm
