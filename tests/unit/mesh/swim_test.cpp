#include "agent/mesh/swim.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/mesh/swim_lab.hpp"

namespace xm {
namespace {

using Lab = test::SwimLab;

TEST_CASE("swim: members that answer stay alive, and each is asked within two rounds") {
  Lab lab(5);
  lab.pass(20s);
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(lab.state(i) == MemberState::alive);
    CHECK_FALSE(lab.swim.members().find(lab.member(i))->answered_at.is_never());
  }
  CHECK(lab.events_of<MemberChanged>() == 0);
  CHECK(lab.swim.awareness() == 0);
}

TEST_CASE("swim: a ping is answered with its number and the address that it came from") {
  Lab lab(2);
  lab.say(0, PingMessage{77});
  lab.collect();
  const auto acks = lab.sent_of<AckMessage>();
  REQUIRE(acks.size() == 1);
  CHECK(acks[0].number == 77);
  CHECK(acks[0].observed.to_string() == "192.0.2.7:7");
}

TEST_CASE("swim: to an unproven address goes the ack alone, no longer than the ping") {
  Lab lab(2);
  lab.accuse(0, 1, 1);  // there is news that could be carried along
  lab.collect();
  lab.sent.clear();
  lab.say(0, PingMessage{77}, false);
  lab.collect();
  REQUIRE(lab.sent.size() == 1);
  CHECK(lab.sent[0].via.to_string() == "192.0.2.7:7");
  CHECK(lab.sent[0].payload.size() <= kPingSize);
}

TEST_CASE("swim: who does not answer is asked again, by helpers too, then suspect, then dead") {
  Lab lab(8);
  lab.silent = 3;
  for (int i = 0; i < 100 && lab.state(3) == MemberState::alive; ++i) lab.pass(100ms);
  REQUIRE(lab.state(3) == MemberState::suspect);
  CHECK(lab.sent_of<PingRequestMessage>().size() == 4);
  for (const PingRequestMessage& request : lab.sent_of<PingRequestMessage>()) {
    CHECK(request.target == lab.member(3));
  }
  const auto accusations = lab.sent_of<AccusationMessage>();
  for (const AccusationMessage& accusation : accusations) {
    CHECK(accusation.subject == lab.member(3));
    CHECK(accusation.accuser == lab.self);
    CHECK(accusation.incarnation == 1);
  }
  lab.pass(14s);  // alone with its suspicion
  CHECK(lab.state(3) == MemberState::suspect);
  lab.pass(2s);
  CHECK(lab.state(3) == MemberState::dead);
}

TEST_CASE("swim: a leave is the leaver's own word, and it is no death") {
  Lab lab(5);
  auto forged = lab.words.sign_statement(StatementKind::leave, lab.keys[2], 1, 2)->bytes;
  lab.say(0, StatementMessage{StatementKind::alive, forged});
  CHECK(lab.state(2) == MemberState::alive);
  lab.say(0, StatementMessage{StatementKind::leave, forged});
  CHECK(lab.state(2) == MemberState::left);
  lab.say_alive(0, lab.alive(2, 3));
  CHECK(lab.state(2) == MemberState::alive);
}

TEST_CASE("swim: who leaves says so, and nothing afterwards") {
  Lab lab(5);
  lab.swim.leave(lab.now);
  lab.collect();
  const auto statements = lab.sent_of<StatementMessage>();
  REQUIRE_FALSE(statements.empty());
  CHECK(statements[0].kind == StatementKind::leave);
  lab.sent.clear();
  lab.say(0, PingMessage{1});
  lab.pass(10s);
  CHECK(lab.sent.empty());
}

TEST_CASE(
    "swim: one dead member or seed is tried in ten seconds, and the first answer sweeps all") {
  Lab lab(40);
  lab.answering = false;
  lab.pass(400s);
  for (std::size_t i = 0; i < 40; ++i) REQUIRE(lab.state(i) == MemberState::dead);
  lab.sent.clear();
  lab.events.clear();
  lab.pass(100s);
  CHECK(lab.sent_of<PingMessage>().size() + lab.events_of<TrySeed>() == 10);
  lab.answering = true;
  lab.pass(25s);
  for (std::size_t i = 0; i < 40; ++i) CHECK(lab.state(i) == MemberState::alive);
}

TEST_CASE("swim: the sweep asks no more than fifty a second") {
  Lab lab(200);
  lab.answering = false;
  lab.pass(2000s);
  REQUIRE(lab.swim.members().dead() == 200);
  lab.sent.clear();
  lab.swim.heard_answer(lab.member(0), lab.now);
  lab.pass(1s);
  CHECK(lab.sent_of<PingMessage>().size() >= 45);
  CHECK(lab.sent_of<PingMessage>().size() <= 55);
}

TEST_CASE("swim: an authenticated packet elsewhere counts as an answer") {
  Lab lab(8);
  lab.accuse(3, 0, 1);
  lab.swim.heard_answer(lab.member(3), lab.now);
  CHECK(lab.state(3) == MemberState::alive);
}

TEST_CASE("swim: an ack with another number clears nothing") {
  Lab lab(8);
  lab.accuse(3, 0, 1);
  lab.say(3, AckMessage{12345, {}, 0});
  lab.say(3, AckMessage{0, {}, 0});
  CHECK(lab.state(3) == MemberState::suspect);
}

TEST_CASE("swim: a helper asks for another, and says what came of it") {
  Lab lab(4);
  lab.say(0, PingRequestMessage{5, lab.member(1)});
  lab.pass(10ms);
  REQUIRE(lab.sent_of<RelayedAckMessage>().size() == 1);
  CHECK(lab.sent_of<RelayedAckMessage>()[0].number == 5);
  lab.silent = 2;
  lab.say(0, PingRequestMessage{6, lab.member(2)});
  lab.pass(200ms);
  REQUIRE(lab.sent_of<NackMessage>().size() == 1);
  CHECK(lab.sent_of<NackMessage>()[0].number == 6);
}

TEST_CASE("swim: requests to help are bounded") {
  Lab lab(4);
  lab.answering = false;
  for (std::uint64_t i = 0; i < 1000; ++i) lab.say(0, PingRequestMessage{i, lab.member(1)});
  lab.collect();
  CHECK(lab.sent_of<PingMessage>().size() <= 64);
  CHECK(lab.sent_of<NackMessage>().size() >= 936);
}

TEST_CASE("swim: who hears nothing from anybody slows down") {
  Lab lab(10);
  lab.answering = false;
  lab.pass(10s);
  CHECK(lab.swim.awareness() == Awareness::kWorst);
}

TEST_CASE("swim: a record of its own that is newer than its own is reported") {
  Lab lab(3);
  const SharedRecord newer =
      lab.words.sign_record(lab.authority.key(), 9, Endpoint::parse("192.0.2.9:9").value());
  lab.say(0, RecordMessage{newer->record, {}});
  lab.collect();
  CHECK(lab.events_of<OwnRecordOutdated>() == 1);
}

TEST_CASE("swim: an earlier life's incarnation is passed, a living twin is reported") {
  Lab lab(3);
  const auto of_mine = [&](std::uint64_t incarnation) {
    return lab.words.sign_statement(StatementKind::alive, lab.authority.key(), 1, incarnation);
  };
  lab.say_alive(0, of_mine(7));
  CHECK(lab.swim.incarnation() == 8);
  lab.say_alive(0, of_mine(9));
  lab.say_alive(0, of_mine(12));
  lab.collect();
  CHECK(lab.events_of<DuplicateIdentity>() == 1);
}

TEST_CASE("swim: a member whose record has expired is forgotten unless it answers") {
  Lab lab(3);
  lab.authority.expired_identity = lab.member(1);
  lab.pass(130s);
  CHECK(lab.swim.members().find(lab.member(1)) != nullptr);
  lab.silent = 1;
  // A suspect may answer yet, and who has just died: its session goes on for three minutes.
  lab.pass(130s);
  CHECK(lab.state(1) == MemberState::dead);
  lab.pass(130s);
  CHECK(lab.swim.members().find(lab.member(1)) == nullptr);
  CHECK(lab.swim.members().size() == 2);
}

TEST_CASE("swim: a clock that jumps an hour does not make anybody dead") {
  Lab lab(10);
  lab.pass(10s);
  lab.now = lab.now + 3600s;
  lab.pass(20s);
  for (std::size_t i = 0; i < 10; ++i) CHECK(lab.state(i) == MemberState::alive);
}

TEST_CASE("swim: what is malformed or comes from nobody is counted, and nothing else") {
  Lab lab(3);
  const std::vector<std::uint8_t> garbage{200, 1, 2};
  lab.swim.receive(lab.member(0), {}, garbage, lab.now);
  CHECK(lab.swim.counters().malformed == 1);
  ByteWriter out;
  write_message(out, PingMessage{1});
  Identity nobody;
  nobody.key.fill(9);
  lab.swim.receive(nobody, {}, out.written(), lab.now);
  CHECK(lab.swim.counters().unknown_sender == 1);
  lab.collect();
  CHECK(lab.sent.empty());
}

TEST_CASE("swim: a known revocation costs no verification, however many tell it") {
  SwimOptions options;
  options.revocations_per_second = 20;
  Lab lab(3, options);
  const std::vector<std::uint8_t> revocation{'r', 1, 2, 3};
  for (int i = 0; i < 50; ++i) lab.say(1, RevocationMessage{revocation});
  CHECK(lab.swim.counters().over_budget == 0);
  for (int i = 0; i < 50; ++i) lab.say(1, RevocationMessage{std::vector<std::uint8_t>{'x'}});
  CHECK(lab.swim.counters().over_budget > 0);
}

TEST_CASE("swim: an ack of a ping that is not its own is told, and is no answer to its own") {
  Lab lab(2);
  lab.answering = false;
  lab.say(0, AckMessage{77, Endpoint::parse("192.0.2.9:9").value(), 0});
  lab.collect();
  CHECK(lab.events_of<OtherPingAnswered>() == 1);
  CHECK(lab.events_of<EndpointObserved>() == 0);
  CHECK(lab.swim.members().find(lab.member(0))->answered_at.is_never());
}

TEST_CASE("swim: a fresh revocation is passed on, a known one is not") {
  Lab lab(5);
  const std::vector<std::uint8_t> revocation{'r', 1, 2, 3};
  lab.say(0, RevocationMessage{revocation});
  CHECK(lab.swim.news() == 1);
  lab.pass(5s);
  CHECK(lab.sent_of<RevocationMessage>().size() == 6);
  lab.say(1, RevocationMessage{revocation});
  CHECK(lab.swim.news() == 0);
  lab.say(1, RevocationMessage{std::vector<std::uint8_t>{'x'}});
  CHECK(lab.swim.news() == 0);
}

}  // namespace
}  // namespace xm
