#include "agent/mesh/hello_guard.hpp"

#include <doctest/doctest.h>

#include <string>

#include "tests/support/seeded_random.hpp"

namespace xm {
namespace {

constexpr Instant kStart{1'000'000'000'000};
using Verdict = HelloGuard::Verdict;

Endpoint source_of(unsigned number) {
  const std::array<std::uint8_t, 4> octets{10, static_cast<std::uint8_t>(number >> 16),
                                           static_cast<std::uint8_t>(number >> 8),
                                           static_cast<std::uint8_t>(number)};
  return {IpAddress::v4(octets.data()), 51820, 0};
}

const std::vector<std::uint8_t> kDatagram(kShortHelloSize);

TEST_CASE("hello guard: hellos are worked on at the pace of the budget") {
  test::SeededRandom random;
  HelloGuard guard(random);
  CHECK(guard.next_at() == kFarFuture);
  CHECK(guard.admit(kDatagram, {}, source_of(1), kStart) == Verdict::queued);
  CHECK(guard.admit(kDatagram, {}, source_of(2), kStart) == Verdict::queued);
  const auto first = guard.next(kStart);
  REQUIRE(first);
  CHECK(first->source == source_of(1));
  CHECK(first->datagram == kDatagram);
  CHECK_FALSE(guard.next(kStart));
  CHECK(guard.next_at() == kStart + 5ms);
  CHECK(guard.next(kStart + 5ms)->source == source_of(2));
  CHECK_FALSE(guard.next(kStart + 1s));
}

TEST_CASE("hello guard: another pace holds from the next hello on") {
  test::SeededRandom random;
  HelloGuard guard(random);
  for (unsigned i = 0; i < 3; ++i) {
    CHECK(guard.admit(kDatagram, {}, source_of(i), kStart) == Verdict::queued);
  }
  guard.set_pace(10);
  CHECK(guard.next(kStart));
  CHECK(guard.next_at() == kStart + 100ms);
  guard.set_pace(1000);
  CHECK(guard.next(kStart + 100ms));
  CHECK(guard.next_at() == kStart + 101ms);
}

TEST_CASE("hello guard: while hellos wait, an address has to show that it receives") {
  test::SeededRandom random;
  HelloGuard guard(random);
  for (unsigned i = 0; i < HelloGuard::kLoaded; ++i) {
    CHECK(guard.admit(kDatagram, {}, source_of(i), kStart) == Verdict::queued);
  }
  Hello hello;
  CHECK(guard.admit(kDatagram, hello, source_of(99), kStart) == Verdict::wants_cookie);
  hello.cookie = guard.cookie_for(source_of(99), kStart);
  CHECK(guard.admit(kDatagram, hello, source_of(98), kStart) == Verdict::wants_cookie);
  CHECK(guard.admit(kDatagram, hello, source_of(99), kStart) == Verdict::queued);
  CHECK(guard.admit(kDatagram, hello, source_of(99), kStart + 30s) == Verdict::wants_cookie);
}

TEST_CASE("hello guard: a hundred thousand forged hellos take a bounded queue and no more") {
  test::SeededRandom random;
  HelloGuard guard(random);
  std::size_t queued = 0;
  for (unsigned i = 0; i < 100'000; ++i) {
    queued += guard.admit(kDatagram, {}, source_of(i), kStart) == Verdict::queued ? 1 : 0;
  }
  CHECK(queued == HelloGuard::kLoaded);
  CHECK(guard.waiting() == HelloGuard::kLoaded);
}

TEST_CASE("hello guard: with cookies the queue is bounded too, and each source limited") {
  test::SeededRandom random;
  HelloGuard guard(random);
  std::size_t full = 0;
  for (unsigned i = 0; i < 1000; ++i) {
    Hello hello;
    hello.cookie = guard.cookie_for(source_of(i), kStart);
    full += guard.admit(kDatagram, hello, source_of(i), kStart) == Verdict::queue_full ? 1 : 0;
  }
  CHECK(guard.waiting() == HelloGuard::kQueue);
  CHECK(full == 1000 - HelloGuard::kQueue);

  HelloGuard other(random);
  Hello hello;
  hello.cookie = other.cookie_for(source_of(1), kStart);
  std::size_t limited = 0;
  for (unsigned i = 0; i < 30; ++i) {
    limited += other.admit(kDatagram, hello, source_of(1), kStart) == Verdict::rate_limited ? 1 : 0;
  }
  CHECK(limited == 25);
}

TEST_CASE("hello guard: a challenge is bound to member and address, and grows old") {
  test::SeededRandom random;
  HelloGuard guard(random);
  Identity member;
  member.key.fill(1);
  Identity other;
  other.key.fill(2);
  const Challenge challenge = guard.challenge_for(member, source_of(1), kStart);
  CHECK(guard.challenge_holds(challenge, member, source_of(1), kStart));
  CHECK(guard.challenge_holds(challenge, member, source_of(1), kStart + 10s));
  CHECK_FALSE(guard.challenge_holds(challenge, member, source_of(1), kStart + 30s));
  CHECK_FALSE(guard.challenge_holds(challenge, other, source_of(1), kStart));
  CHECK_FALSE(guard.challenge_holds(challenge, member, source_of(2), kStart));
  Endpoint other_port = source_of(1);
  ++other_port.port;
  CHECK_FALSE(guard.challenge_holds(challenge, member, other_port, kStart));
  CHECK_FALSE(
      guard.challenge_holds(guard.cookie_for(source_of(1), kStart), {}, source_of(1), kStart));
}

}  // namespace
}  // namespace xm
