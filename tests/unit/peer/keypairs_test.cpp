#include "agent/peer/keypairs.hpp"

#include <doctest/doctest.h>

#include "tests/support/seeded_random.hpp"

namespace xm {
namespace {

constexpr Instant kStart{1'000'000'000'000};

struct Fixture {
  Grace grace{0};
  test::SeededRandom random;
  IndexTable indices{grace};
  Peer peer{1};
  Keypairs keypairs{peer, indices, grace};

  std::uint32_t add(bool is_initiator, bool prevails = true) {
    TransportKeys keys;
    keys.local_index = indices.reserve(random, peer.id);
    keys.is_initiator = is_initiator;
    const std::uint32_t index = keys.local_index;
    if (is_initiator) {
      keypairs.add_initiated(std::move(keys), kStart, prevails);
    } else {
      keypairs.add_answered(std::move(keys), kStart);
    }
    return index;
  }
  [[nodiscard]] bool receives(std::uint32_t index) const { return indices.find(index) != nullptr; }
  [[nodiscard]] std::uint32_t sends_under() const {
    const PeerSession* const session = peer.sending.load();
    return session == nullptr ? 0 : session->local_index();
  }
};

TEST_CASE("keypairs: the initiator sends at once, and still receives under the one before") {
  Fixture f;
  CHECK(f.keypairs.is_empty());
  const std::uint32_t first = f.add(true);
  CHECK(f.sends_under() == first);
  const std::uint32_t second = f.add(true);
  CHECK(f.sends_under() == second);
  CHECK(f.receives(first));
  const std::uint32_t third = f.add(true);
  CHECK(f.sends_under() == third);
  CHECK(f.receives(second));
  CHECK_FALSE(f.receives(first));
  CHECK(f.indices.size() == 2);
}

TEST_CASE("keypairs: the responder receives at once but sends only once confirmed") {
  Fixture f;
  const std::uint32_t old = f.add(true);
  const std::uint32_t next = f.add(false);
  CHECK(f.receives(next));
  CHECK(f.sends_under() == old);
  CHECK_FALSE(f.keypairs.confirm(old));
  CHECK(f.keypairs.confirm(next));
  CHECK(f.sends_under() == next);
  CHECK(f.receives(old));
  CHECK_FALSE(f.keypairs.confirm(next));  // a second packet confirms nothing
}

TEST_CASE("keypairs: an answer replaces an unconfirmed one and the previous") {
  Fixture f;
  const std::uint32_t first = f.add(true);
  const std::uint32_t second = f.add(true);
  const std::uint32_t third = f.add(false);
  CHECK_FALSE(f.receives(first));
  const std::uint32_t fourth = f.add(false);
  CHECK_FALSE(f.receives(third));
  CHECK(f.receives(second));
  CHECK(f.receives(fourth));
  CHECK_FALSE(f.keypairs.confirm(third));
  CHECK(f.sends_under() == second);
  CHECK(f.indices.size() == 2);
}

TEST_CASE("keypairs: both initiated at once: what the other may send under is kept") {
  Fixture f;
  const std::uint32_t old = f.add(true);
  const std::uint32_t answered = f.add(false);
  const std::uint32_t initiated = f.add(true);
  CHECK(f.sends_under() == initiated);
  CHECK(f.receives(answered));
  CHECK_FALSE(f.receives(old));
  CHECK_FALSE(f.keypairs.confirm(answered));
}

TEST_CASE("keypairs: both initiated at once: the one that gives way changes over when told") {
  Fixture f;
  const std::uint32_t old = f.add(true);
  const std::uint32_t answered = f.add(false);
  const std::uint32_t initiated = f.add(true, false);
  CHECK(f.sends_under() == initiated);
  CHECK(f.receives(old));
  CHECK(f.keypairs.confirm(answered));
  CHECK(f.sends_under() == answered);
  CHECK(f.receives(initiated));
  CHECK_FALSE(f.receives(old));
}

TEST_CASE("keypairs: when may one send, when is a handshake wanted") {
  Fixture f;
  CHECK_FALSE(f.keypairs.can_send(kStart));
  CHECK(f.keypairs.wants_handshake(kStart));
  f.add(true);
  CHECK(f.keypairs.can_send(kStart + 179s));
  CHECK_FALSE(f.keypairs.can_send(kStart + 180s));
  CHECK_FALSE(f.keypairs.wants_handshake(kStart + 119s));
  CHECK(f.keypairs.wants_handshake(kStart + 120s));
  f.peer.sending.load()->set_next_counter(kRekeyAfterMessages + 1);
  CHECK(f.keypairs.wants_handshake(kStart));
  CHECK(f.keypairs.can_send(kStart));
  f.peer.sending.load()->set_next_counter(kRejectAfterMessages);
  CHECK_FALSE(f.keypairs.can_send(kStart));
}

TEST_CASE("keypairs: a responder's session does not age into a handshake before it is dead") {
  Fixture f;
  f.keypairs.confirm(f.add(false));
  CHECK_FALSE(f.keypairs.wants_handshake(kStart + 179s));
  CHECK(f.keypairs.wants_handshake(kStart + 180s));
}

TEST_CASE("keypairs: cleared means not found, not sent under, and freed") {
  Fixture f;
  f.keypairs.confirm(f.add(false));
  f.add(true);
  f.add(false);
  f.keypairs.clear();
  CHECK(f.keypairs.is_empty());
  CHECK(f.sends_under() == 0);
  CHECK(f.indices.size() == 0);
  CHECK(f.grace.reclaim() == 0);
}

TEST_CASE("keypairs: a session that a reader still holds is not freed") {
  Grace grace(1);
  test::SeededRandom random;
  IndexTable indices(grace);
  Peer peer(1);
  Keypairs keypairs(peer, indices, grace);
  TransportKeys keys;
  keys.local_index = indices.reserve(random, peer.id);
  keys.is_initiator = true;
  keypairs.add_initiated(std::move(keys), kStart, true);
  {
    const Grace::Section section(grace, 0);
    const PeerSession* const held = peer.sending.load();
    keypairs.clear();
    CHECK(grace.reclaim() == 1);
    CHECK(held->is_initiator());
  }
  CHECK(grace.reclaim() == 0);
}

}  // namespace
}  // namespace xm
