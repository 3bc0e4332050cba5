#include "agent/mesh/suspicion.hpp"

#include <doctest/doctest.h>

namespace xm {
namespace {

constexpr Instant kStart{1'000'000'000'000};

Identity identity_of(std::uint8_t byte) {
  Identity identity;
  identity.key.fill(byte);
  return identity;
}

TEST_CASE("suspicion: the times grow with the logarithm of the mesh") {
  CHECK(suspicion_times(500ms, 3, true).least == 2500ms);
  CHECK(suspicion_times(500ms, 10, true).least == 2500ms);
  CHECK(suspicion_times(500ms, 100, true).least == 5000ms);
  CHECK(suspicion_times(500ms, 1000, true).most > 44s);
  CHECK(suspicion_times(500ms, 1000, true).most <= 45s);
}

TEST_CASE("suspicion: no more confirmations are asked for than there are others") {
  CHECK(suspicion_times(500ms, 2, true).confirmations == 0);
  CHECK(suspicion_times(500ms, 2, true).most == 2500ms);
  CHECK(suspicion_times(500ms, 3, true).confirmations == 1);
  CHECK(suspicion_times(500ms, 4, true).confirmations == 2);
  CHECK(suspicion_times(500ms, 1000, true).confirmations == 2);
}

TEST_CASE("suspicion: each confirmation shortens the time, the second to the least") {
  Suspicion suspicion(kStart, suspicion_times(500ms, 10, true), identity_of(1));
  CHECK(suspicion.deadline() == kStart + 15s);
  CHECK(suspicion.confirm(identity_of(2)));
  CHECK(suspicion.deadline() < kStart + 15s);
  CHECK(suspicion.deadline() > kStart + 2500ms);
  CHECK(suspicion.confirm(identity_of(3)));
  CHECK(suspicion.deadline() == kStart + 2500ms);
}

TEST_CASE("suspicion: an accuser counts once, and no more than needed count") {
  Suspicion suspicion(kStart, suspicion_times(500ms, 10, true), identity_of(1));
  CHECK_FALSE(suspicion.confirm(identity_of(1)));
  CHECK(suspicion.confirm(identity_of(2)));
  CHECK_FALSE(suspicion.confirm(identity_of(2)));
  CHECK(suspicion.confirm(identity_of(3)));
  CHECK_FALSE(suspicion.confirm(identity_of(4)));
  CHECK(suspicion.confirmations() == 2);
  CHECK(suspicion.is_accuser(identity_of(3)));
  CHECK_FALSE(suspicion.is_accuser(identity_of(4)));
}

TEST_CASE("suspicion: unconfirmed, it asks once when confirmed it would have ended") {
  Suspicion suspicion(kStart, suspicion_times(500ms, 10, true), identity_of(1));
  CHECK(suspicion.due() == kStart + 2500ms);
  CHECK_FALSE(suspicion.take_question(kStart + 2499ms));
  CHECK(suspicion.take_question(kStart + 2500ms));
  CHECK_FALSE(suspicion.take_question(kStart + 2500ms));
  CHECK(suspicion.due() == suspicion.deadline());
}

TEST_CASE("suspicion: without Lifeguard the time is the least from the start") {
  const Suspicion suspicion(kStart, suspicion_times(500ms, 10, false), identity_of(1));
  CHECK(suspicion.deadline() == kStart + 2500ms);
}

}  // namespace
}  // namespace xm
