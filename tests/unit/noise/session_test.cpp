#include "agent/noise/session.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace xm {
namespace {

constexpr Instant kBorn{1'000'000'000'000};

TransportKeys keys(bool is_initiator) {
  TransportKeys keys;
  keys.send.expose_mutable()[0] = 1;
  keys.receive.expose_mutable()[0] = 2;
  keys.local_index = 3;
  keys.remote_index = 4;
  keys.is_initiator = is_initiator;
  return keys;
}

struct Initiator : Session {
  Initiator() : Session(keys(true), kBorn) {}
};
struct Responder : Session {
  Responder() : Session(keys(false), kBorn) {}
};

}  // namespace

TEST_CASE("Session: keeps what the handshake yielded") {
  const Initiator session;
  CHECK(session.send_key() == keys(true).send);
  CHECK(session.receive_key() == keys(true).receive);
  CHECK(session.local_index() == 3);
  CHECK(session.remote_index() == 4);
  CHECK(session.is_initiator());
  CHECK(session.born() == kBorn);
}

TEST_CASE("Session: is rejected at 180 s") {
  const Initiator session;
  CHECK_FALSE(session.is_expired(kBorn));
  CHECK_FALSE(session.is_expired(kBorn + 180s - 1ns));
  CHECK(session.is_expired(kBorn + 180s));
}

TEST_CASE("Session: counters come in order, without gap, and batches do not overlap") {
  Initiator session;
  CHECK(session.take_counters(1) == 0);
  CHECK(session.take_counters(45) == 1);
  CHECK(session.take_counters(1) == 46);
  CHECK(session.counters_taken() == 47);
}

TEST_CASE("Session: no counter at or past the limit is ever sent") {
  Initiator session;
  static_assert(kRejectAfterMessages == UINT64_MAX - 8128 - 1);
  session.set_next_counter(kRejectAfterMessages - 3);
  CHECK_FALSE(session.take_counters(4));
  CHECK_FALSE(session.take_counters(UINT64_MAX));
  CHECK(session.take_counters(2) == kRejectAfterMessages - 3);
  CHECK(session.take_counters(1) == kRejectAfterMessages - 1);
  for (int i = 0; i < 20'000; ++i) CHECK_FALSE(session.take_counters(1));
  CHECK_FALSE(session.take_counters(64));
  CHECK(session.counters_taken() == kRejectAfterMessages);
}

TEST_CASE("Session: no counter at or past the limit is ever received") {
  Initiator session;
  CHECK(session.replay.accept(kRejectAfterMessages - 1) == ReplayVerdict::fresh);
  CHECK(session.replay.accept(kRejectAfterMessages) == ReplayVerdict::too_old);
  CHECK(session.replay.accept(UINT64_MAX) == ReplayVerdict::too_old);
}

TEST_CASE("Session: threads that meet at the limit share what is left, each counter once") {
  Initiator session;
  constexpr std::uint64_t kLeft = 10'000;
  session.set_next_counter(kRejectAfterMessages - kLeft);
  std::atomic<std::uint64_t> taken{0};
  std::atomic<std::uint64_t> sum{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      while (const auto first = session.take_counters(1)) {
        taken += 1;
        sum += *first - (kRejectAfterMessages - kLeft);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(taken == kLeft);
  CHECK(sum == kLeft * (kLeft - 1) / 2);
}

TEST_CASE("Session: the initiator renews by age on sending from 120 s") {
  const Initiator initiator;
  CHECK_FALSE(initiator.wants_rekey_on_send(kBorn + 120s - 1ns));
  CHECK(initiator.wants_rekey_on_send(kBorn + 120s));
  const Responder responder;
  CHECK_FALSE(responder.wants_rekey_on_send(kBorn + 179s));
}

TEST_CASE("Session: both sides renew past 2^60 messages") {
  Initiator initiator;
  Responder responder;
  for (Session* session : {static_cast<Session*>(&initiator), static_cast<Session*>(&responder)}) {
    session->set_next_counter(kRekeyAfterMessages);
    CHECK_FALSE(session->wants_rekey_on_send(kBorn));
    (void)session->take_counters(1);
    CHECK(session->wants_rekey_on_send(kBorn));
  }
}

TEST_CASE("Session: the initiator renews on receiving from 165 s, once") {
  Initiator initiator;
  CHECK_FALSE(initiator.wants_rekey_on_receive(kBorn + 165s - 1ns));
  CHECK(initiator.wants_rekey_on_receive(kBorn + 165s));
  CHECK_FALSE(initiator.wants_rekey_on_receive(kBorn + 166s));
  Responder responder;
  CHECK_FALSE(responder.wants_rekey_on_receive(kBorn + 170s));
}

TEST_CASE("Session: a responder's is confirmed once, an initiator's is born confirmed") {
  Responder responder;
  CHECK(responder.confirm());
  CHECK_FALSE(responder.confirm());
  Initiator initiator;
  CHECK_FALSE(initiator.confirm());
}

}  // namespace xm
