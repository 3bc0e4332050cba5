// What members say of others and of themselves (swim_claims.cpp).
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/mesh/swim_lab.hpp"

namespace xm {
namespace {

using Lab = test::SwimLab;

TEST_CASE("swim: two more accusers shorten the wait to the least") {
  Lab lab(8);
  lab.silent = 3;
  lab.accuse(3, 0, 1);
  lab.accuse(3, 1, 1);
  lab.accuse(3, 2, 1);
  lab.pass(2400ms);
  CHECK(lab.state(3) != MemberState::dead);
  lab.pass(200ms);
  CHECK(lab.state(3) == MemberState::dead);
}

TEST_CASE(
    "swim: a member that lies about another makes a suspect, and the other's answer clears it") {
  Lab lab(8);
  lab.accuse(3, 0, 1);
  CHECK(lab.state(3) == MemberState::suspect);
  lab.pass(10s);
  CHECK(lab.state(3) == MemberState::alive);
}

TEST_CASE("swim: three that lie about another do not make it dead: it is asked") {
  Lab lab(200);  // its turn would come in 100 s
  lab.accuse(3, 0, 1);
  lab.accuse(3, 1, 1);
  lab.accuse(3, 2, 1);
  lab.pass(10s);
  CHECK(lab.state(3) == MemberState::alive);
}

TEST_CASE("swim: a suspect whom nobody confirms is asked before its turn, and once") {
  Lab lab(200);  // its turn would come in 100 s
  lab.accuse(3, 0, 1);
  lab.pass(5700ms);  // 5 log10 201 periods
  CHECK(lab.state(3) == MemberState::suspect);
  lab.pass(200ms);
  CHECK(lab.state(3) == MemberState::alive);
  const auto asked = std::count_if(lab.sent.begin(), lab.sent.end(),
                                   [&](const auto& send) { return send.to == lab.member(3); });
  CHECK(asked <= 3);  // the question, and news
}

TEST_CASE("swim: a claim of death alone changes nothing") {
  Lab lab(8);
  lab.accuse(3, 0, 1, true);
  lab.accuse(3, 1, 1, true);
  lab.accuse(3, 2, 1, true);
  CHECK(lab.state(3) == MemberState::alive);
  lab.accuse(3, 0, 1);
  lab.accuse(3, 1, 1, true);
  CHECK(lab.state(3) == MemberState::suspect);
  CHECK(lab.swim.members().find(lab.member(3))->suspicion->confirmations() == 1);
}

TEST_CASE(
    "swim: accusations of another incarnation than the signed one, or by nobody, are refused") {
  Lab lab(8);
  lab.accuse(3, 0, 0);
  lab.accuse(3, 0, 2);
  lab.accuse(3, 0, UINT64_MAX);
  lab.accuse(3, 3, 1);
  Identity nobody;
  nobody.key.fill(9);
  lab.say(0, AccusationMessage{false, lab.member(3), 1, nobody});
  CHECK(lab.state(3) == MemberState::alive);
  CHECK(lab.swim.counters().refused_accusations == 5);
}

TEST_CASE("swim: one that hears of an incarnation it does not hold asks for the statement") {
  Lab lab(8);
  lab.accuse(3, 0, 2);
  lab.collect();
  REQUIRE(lab.sent_of<WantMessage>().size() == 1);
  CHECK(lab.sent_of<WantMessage>()[0].identities == std::vector<Identity>{lab.member(3)});
}

TEST_CASE("swim: an accuser who accuses everybody is not believed for long") {
  Lab lab(100);
  lab.answering = false;
  for (std::size_t i = 1; i < 100; ++i) lab.accuse(i, 0, 1);
  std::size_t suspects = 0;
  for (std::size_t i = 1; i < 100; ++i) suspects += lab.state(i) == MemberState::suspect ? 1 : 0;
  CHECK(suspects > 5);
  CHECK(suspects < 25);
}

TEST_CASE("swim: accused itself it refutes with a higher incarnation, signed") {
  Lab lab(8);
  lab.say(0, AccusationMessage{false, lab.self, 1, lab.member(0)});
  CHECK(lab.swim.incarnation() == 2);
  lab.pass(1s);
  bool refuted = false;
  for (const StatementMessage& message : lab.sent_of<StatementMessage>()) {
    const auto statement = lab.words.find_statement(message.kind, message.statement);
    REQUIRE(statement != nullptr);
    refuted = refuted || (statement->identity == lab.self && statement->incarnation == 2);
  }
  CHECK(refuted);
  lab.say(0, AccusationMessage{false, lab.self, 1, lab.member(1)});
  CHECK(lab.swim.incarnation() == 2);
}

TEST_CASE(
    "swim: one that makes up accusation after accusation of us gets one refutation a period") {
  Lab lab(8);
  for (std::uint64_t made_up = 1; made_up <= 50; ++made_up) {
    lab.say(0, AccusationMessage{false, lab.self, made_up, lab.member(1)});
  }
  CHECK(lab.swim.incarnation() == 2);
  // What came in between is not forgotten: the last that was accused is refuted, too.
  lab.pass(600ms);
  CHECK(lab.swim.incarnation() == 3);
  lab.pass(10s);
  CHECK(lab.swim.incarnation() == 3);
}

TEST_CASE("swim: without a place to keep the incarnation nothing is signed") {
  Lab lab(3);
  lab.authority.disk_is_full = true;
  lab.say(0, AccusationMessage{false, lab.self, 1, lab.member(0)});
  CHECK(lab.swim.incarnation() == 1);
}

TEST_CASE("swim: a signed statement of a higher incarnation clears suspect and dead") {
  Lab lab(8);
  lab.silent = 3;
  lab.accuse(3, 0, 1);
  lab.say_alive(1, lab.alive(3, 2));
  CHECK(lab.state(3) == MemberState::alive);
  for (const std::size_t accuser : {0U, 1U, 2U}) lab.accuse(3, accuser, 2);
  lab.pass(4s);
  REQUIRE(lab.state(3) == MemberState::dead);
  lab.say_alive(1, lab.alive(3, 2));
  CHECK(lab.state(3) == MemberState::dead);
  lab.say_alive(1, lab.alive(3, 3));
  CHECK(lab.state(3) == MemberState::alive);
}

TEST_CASE("swim: a statement that nobody signed is refused, a known one costs no verification") {
  Lab lab(8);
  auto forged = lab.alive(3, 5)->bytes;
  forged.back() ^= 1;
  lab.say(0, StatementMessage{StatementKind::alive, forged});
  CHECK(lab.swim.members().find(lab.member(3))->incarnation == 1);
  CHECK(lab.swim.counters().refused_statements == 1);
  const std::size_t judged = lab.authority.judged;
  for (int i = 0; i < 10; ++i) lab.say_alive(0, lab.alive(3, 1));
  CHECK(lab.authority.judged == judged);
}

TEST_CASE("swim: no more signatures are looked at than the budget allows") {
  Lab lab(3);
  auto forged = lab.alive(1, 5)->bytes;
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    store_le64(forged.data() + forged.size() - 8, i);
    lab.say(0, StatementMessage{StatementKind::alive, forged});
  }
  CHECK(lab.authority.judged <= 201);
  CHECK(lab.swim.counters().over_budget >= 9'799);
}

TEST_CASE("swim: who exhausts the budget keeps no revocation away") {
  Lab lab(3);
  auto forged = lab.alive(1, 5)->bytes;
  for (std::uint64_t i = 0; i < 1'000; ++i) {
    store_le64(forged.data() + forged.size() - 8, i);
    lab.say(0, StatementMessage{StatementKind::alive, forged});
  }
  REQUIRE(lab.swim.counters().over_budget > 0);
  lab.say(1, RevocationMessage{std::vector<std::uint8_t>{'r', 'x'}});
  lab.pass(1s);
  CHECK(lab.sent_of<RevocationMessage>().size() > 0);  // it was admitted, and goes round
}

}  // namespace
}  // namespace xm
