#include "agent/noise/rate_limiter.hpp"

#include <doctest/doctest.h>

#include <string>

#include "tests/support/seeded_random.hpp"

namespace xm {
namespace {

constexpr Instant kStart{1'000'000'000'000};

IpAddress address(std::string_view text) {
  return IpAddress::parse(text).value();
}

IpAddress v4(std::uint32_t number) {
  std::array<std::uint8_t, 4> octets;
  store_be32(octets.data(), number);
  return IpAddress::v4(octets.data());
}

}  // namespace

TEST_CASE("RateLimiter: a burst of five, then twenty a second") {
  struct Row {
    Duration since_last;
    bool allowed;
  };
  constexpr Duration kToken{1'000'000'000 / kHandshakesPerSecond};
  const Row rows[] = {
      {0ms, true},            // a new source: a burst of five
      {0ms, true},            //
      {0ms, true},            //
      {0ms, true},            //
      {0ms, true},            //
      {0ms, false},           // none left
      {kToken, true},         // one came back
      {0ms, false},           //
      {kToken * 2, true},     // two
      {0ms, true},            //
      {0ms, false},           //
      {kToken - 1ns, false},  // not quite one; what was saved up stays
      {1ns, true},            //
      {kToken * 100, true},   // never more than five
      {0ms, true},            //
      {0ms, true},            //
      {0ms, true},            //
      {0ms, true},            //
      {0ms, false},           //
  };
  test::SeededRandom random;
  for (const char* source : {"192.0.2.1", "2001:db8::1"}) {
    RateLimiter limiter(random);
    Instant now = kStart;
    int number = 0;
    for (const Row& row : rows) {
      now = now + row.since_last;
      CHECK_MESSAGE(limiter.allow(address(source), now) == row.allowed, source, " row ", number);
      ++number;
    }
  }
}

TEST_CASE("RateLimiter: counts IPv4 by address and IPv6 by /64") {
  test::SeededRandom random;
  RateLimiter limiter(random);
  const auto exhaust = [&](const char* source) {
    for (int i = 0; i < 5; ++i) CHECK(limiter.allow(address(source), kStart));
    CHECK_FALSE(limiter.allow(address(source), kStart));
  };
  exhaust("192.0.2.1");
  exhaust("192.0.2.2");
  exhaust("2001:db8:0:1::1");
  CHECK_FALSE(limiter.allow(address("2001:db8:0:1:ffff::2"), kStart));
  exhaust("2001:db8:0:2::1");
  // The same 64 bits in the other family are another source.
  exhaust("0.0.0.1");
  exhaust("0:0:0:1::");
  CHECK(limiter.sources() == 6);
}

TEST_CASE("RateLimiter: a steady source below the limit is never refused, one above gets 20/s") {
  test::SeededRandom random;
  RateLimiter limiter(random);
  for (int i = 0; i < 1000; ++i) CHECK(limiter.allow(v4(1), kStart + i * 50ms));

  int allowed = 0;
  for (int i = 0; i < 10'000; ++i) allowed += limiter.allow(v4(2), kStart + i * 1ms) ? 1 : 0;
  CHECK(allowed >= 10 * 20);
  CHECK(allowed <= 10 * 20 + 5);
}

TEST_CASE("RateLimiter: a full table refuses new sources, serves known ones, and recovers") {
  test::SeededRandom random;
  constexpr std::uint32_t kCapacity = 100;
  RateLimiter limiter(random, kCapacity);
  for (std::uint32_t i = 0; i < kCapacity; ++i) CHECK(limiter.allow(v4(i), kStart));
  CHECK(limiter.sources() == kCapacity);
  for (std::uint32_t i = 0; i < 1000; ++i) {
    CHECK_FALSE(limiter.allow(v4(kCapacity + i), kStart + 500ms));
  }
  CHECK(limiter.sources() == kCapacity);
  CHECK(limiter.allow(v4(7), kStart + 500ms));

  // A second later all but the one just seen are forgotten.
  CHECK(limiter.allow(v4(5000), kStart + 1200ms));
  CHECK(limiter.sources() == 2);
  CHECK(limiter.allow(v4(5001), kStart + 10s));
  CHECK(limiter.sources() == 1);
}

TEST_CASE("RateLimiter: entries are found again after many rounds of filling and forgetting") {
  test::SeededRandom random;
  RateLimiter limiter(random, 64);
  Instant now = kStart;
  for (std::uint32_t round = 0; round < 50; ++round) {
    now = now + 2s;
    for (std::uint32_t i = 0; i < 64; ++i) CHECK(limiter.allow(v4(round * 1000 + i), now));
    for (std::uint32_t i = 0; i < 64; ++i) {
      for (int again = 0; again < 4; ++again) CHECK(limiter.allow(v4(round * 1000 + i), now));
      CHECK_FALSE(limiter.allow(v4(round * 1000 + i), now));
    }
    CHECK(limiter.sources() == 64);
  }
}

TEST_CASE("RateLimiter: the default table takes a flood of forged sources and no more") {
  test::SeededRandom random;
  RateLimiter limiter(random);
  std::size_t allowed = 0;
  for (std::uint32_t i = 0; i < 100'000; ++i) allowed += limiter.allow(v4(i), kStart) ? 1 : 0;
  CHECK(allowed == RateLimiter::kDefaultCapacity);
  CHECK(limiter.sources() == RateLimiter::kDefaultCapacity);
}

TEST_CASE("RateLimiter: a table without room refuses everybody") {
  test::SeededRandom random;
  RateLimiter limiter(random, 0);
  CHECK_FALSE(limiter.allow(v4(1), kStart));
}

}  // namespace xm
