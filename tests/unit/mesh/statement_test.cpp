#include "agent/mesh/statement.hpp"

#include <doctest/doctest.h>

#include "agent/mesh/names.hpp"
#include "tests/unit/mesh/golden.hpp"
#include "tests/unit/mesh/samples.hpp"

namespace xm {
namespace {

using test::Buffer;
using test::copy_of;

Statement sample() {
  return {"office", test::identity_number(1), 7, 41};
}
SignedStatement made(StatementKind kind, const Statement& statement = sample()) {
  auto signed_statement = SignedStatement::sign(kind, statement, test::key_number(1));
  REQUIRE(signed_statement.ok());
  return std::move(signed_statement).value();
}

}  // namespace

TEST_CASE("statement: its bytes are what a released version wrote") {
  CHECK(test::to_hex(made(StatementKind::alive).bytes()) == test::golden("alive.hex"));
  CHECK(test::to_hex(made(StatementKind::leave).bytes()) == test::golden("leave.hex"));
}

TEST_CASE("statement: what was signed is opened again") {
  for (const StatementKind kind : {StatementKind::alive, StatementKind::leave}) {
    const auto opened = SignedStatement::open(kind, made(kind).bytes(), "office");
    REQUIRE(opened.ok());
    CHECK(opened.value().statement() == sample());
    CHECK(opened.value().kind() == kind);
  }
}

TEST_CASE("statement: being alive is never taken for leaving, nor the reverse") {
  CHECK_FALSE(
      SignedStatement::open(StatementKind::leave, made(StatementKind::alive).bytes(), "office")
          .ok());
  CHECK_FALSE(
      SignedStatement::open(StatementKind::alive, made(StatementKind::leave).bytes(), "office")
          .ok());
}

TEST_CASE("statement: it cannot be forged or transplanted") {
  const Buffer bytes = copy_of(made(StatementKind::alive).bytes());
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    Buffer changed = bytes;
    changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ 1U << bit % 8);
    CHECK_FALSE(SignedStatement::open(StatementKind::alive, changed, "office").ok());
  }
  CHECK_FALSE(SignedStatement::open(StatementKind::alive, bytes, "other").ok());
  CHECK_FALSE(SignedStatement::sign(StatementKind::alive, sample(), test::key_number(2)).ok());
  Statement nowhere = sample();
  nowhere.mesh = "";
  CHECK_FALSE(SignedStatement::sign(StatementKind::alive, nowhere, test::key_number(1)).ok());
}

TEST_CASE("statement: the largest has at most 150 bytes; cut or longer ones are refused") {
  Statement statement = sample();
  statement.mesh = std::string(kMaxMeshName, 'm');
  CHECK(made(StatementKind::alive, statement).bytes().size() <= kMaxStatementSize);
  Buffer bytes = copy_of(made(StatementKind::alive).bytes());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK_FALSE(decode_statement(Bytes(bytes).first(size)).ok());
  }
  bytes.push_back(0);
  CHECK_FALSE(decode_statement(bytes).ok());
}

}  // namespace xm
