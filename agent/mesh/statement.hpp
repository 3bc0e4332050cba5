// The two short things that a node signs of itself: that it is alive, and that it leaves. Small
// enough that refuting a suspicion does not flood records.
//
// Binary form: version byte, mesh, identity, record version, incarnation, signature. The kind is in
// the signature's tag alone ("xdp-mesh alive", "xdp-mesh leave"): what carries a statement says
// which it is, and a wrong word for it makes the signature fail.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/mesh/identity.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

inline constexpr std::size_t kMaxStatementSize = 150;

enum class StatementKind : std::uint8_t { alive, leave };

struct Statement {
  std::string mesh;
  Identity identity;
  std::uint64_t record_version = 0;  // the newest record of the identity: who has less asks for it
  std::uint64_t incarnation = 0;     // orders statements of one identity (incarnation.hpp)

  friend bool operator==(const Statement&, const Statement&) = default;
};

class SignedStatement {
 public:
  // An error for a mesh name that is none and for another's key.
  [[nodiscard]] static Result<SignedStatement> sign(StatementKind kind, Statement statement,
                                                    const SigningKey& key);
  // Judges foreign bytes: form, mesh, signature. Whether it is new is the incarnation's word.
  [[nodiscard]] static Result<SignedStatement> open(StatementKind kind, Bytes bytes,
                                                    std::string_view mesh);

  [[nodiscard]] StatementKind kind() const { return kind_; }
  [[nodiscard]] const Statement& statement() const { return statement_; }
  [[nodiscard]] Bytes bytes() const { return bytes_; }

 private:
  SignedStatement(StatementKind kind, Statement statement, std::vector<std::uint8_t> bytes)
      : kind_(kind), statement_(std::move(statement)), bytes_(std::move(bytes)) {}

  StatementKind kind_;
  Statement statement_;
  std::vector<std::uint8_t> bytes_;
};

// The form without its signature being checked: so that a stale statement costs no verification.
[[nodiscard]] Result<Statement> decode_statement(Bytes bytes);

}  // namespace xm
