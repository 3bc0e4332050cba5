#include "agent/mesh/statement.hpp"

#include <utility>

#include "agent/mesh/names.hpp"
#include "agent/mesh/signed_bytes.hpp"

namespace xm {
namespace {

constexpr std::uint8_t kFormVersion = 1;
// Version, mesh with its length, identity, two counters, signature.
static_assert(1 + 1 + kMaxMeshName + 32 + 8 + 8 + kSignatureSize <= kMaxStatementSize);

std::string_view tag_of(StatementKind kind) {
  return kind == StatementKind::leave ? "xdp-mesh leave" : "xdp-mesh alive";
}

Error refused(const std::string& why) {
  return {"a statement of a node is refused: " + why};
}

}  // namespace

Result<Statement> decode_statement(Bytes bytes) {
  if (bytes.size() > kMaxStatementSize || bytes.size() < kSignatureSize) {
    return refused("expected 64 to " + std::to_string(kMaxStatementSize) + " bytes, got " +
                   std::to_string(bytes.size()));
  }
  ByteReader in(bytes.first(bytes.size() - kSignatureSize));
  if (const unsigned form = in.u8(); form != kFormVersion) {
    return refused("expected version 1 of its form, got " + std::to_string(form));
  }
  Statement statement;
  statement.mesh = in.text(kMaxMeshName);
  statement.identity.key = in.array<32>();
  statement.record_version = in.u64();
  statement.incarnation = in.u64();
  if (!in.complete()) return refused("its bytes are not in the one form a statement has");
  if (!is_mesh_name(statement.mesh)) return refused("it names no mesh");
  return statement;
}

Result<SignedStatement> SignedStatement::sign(StatementKind kind, Statement statement,
                                              const SigningKey& key) {
  if (!is_mesh_name(statement.mesh)) return refused("it names no mesh");
  if (Identity::of(key) != statement.identity) {
    return refused("expected to sign with the key of its own identity");
  }
  ByteWriter out;
  out.u8(kFormVersion);
  out.text(statement.mesh);
  out.bytes(statement.identity.key);
  out.u64(statement.record_version);
  out.u64(statement.incarnation);
  return SignedStatement(kind, std::move(statement), sign_body(tag_of(kind), out.written(), key));
}

Result<SignedStatement> SignedStatement::open(StatementKind kind, Bytes bytes,
                                              std::string_view mesh) {
  auto statement = decode_statement(bytes);
  if (!statement) return statement.error();
  if (statement->mesh != mesh) return refused("it is for another mesh");
  if (!signature_holds(tag_of(kind), bytes, statement->identity.key)) {
    return refused("its signature is not its identity's");
  }
  return SignedStatement(kind, std::move(*statement), {bytes.begin(), bytes.end()});
}

}  // namespace xm
