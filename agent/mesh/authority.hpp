// What SWIM asks of whoever holds keys, trust and the disk: an interface, so that the protocol
// knows nothing of signatures, and a simulation of a thousand nodes can share what they all hold.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "agent/mesh/identity.hpp"
#include "agent/mesh/statement.hpp"
#include "xdpmesh/bytes.hpp"

namespace xm {

// A record that has been judged, with the certificates that came with it. Immutable and shared.
struct HeldRecord {
  Identity identity;
  std::uint64_t version = 0;
  std::vector<std::uint8_t> record;
  std::vector<std::uint8_t> certificates;
};
using SharedRecord = std::shared_ptr<const HeldRecord>;

// A signed word of liveness or leave that has been judged.
struct HeldStatement {
  StatementKind kind = StatementKind::alive;
  Identity identity;
  std::uint64_t record_version = 0;
  std::uint64_t incarnation = 0;
  std::vector<std::uint8_t> bytes;
};
using SharedStatement = std::shared_ptr<const HeldStatement>;

enum class RevocationVerdict : std::uint8_t { refused, known, fresh };

class Authority {
 public:
  virtual ~Authority() = default;

  // Form, signature, mesh, life, and whether the identity is a member: null when any is wanting.
  // The reason is the authority's to count.
  [[nodiscard]] virtual SharedRecord admit_record(Bytes record, Bytes certificates) = 0;
  // Form, signature and mesh. Null when refused.
  [[nodiscard]] virtual SharedStatement admit_statement(StatementKind kind, Bytes statement) = 0;
  // Whether this one says, unverified, what is held already: then it costs no verification.
  [[nodiscard]] virtual bool knows_revocation(Bytes revocation) const = 0;
  // Keeps what holds. `fresh` is passed on; whom it strikes, the owner removes by Swim::remove().
  [[nodiscard]] virtual RevocationVerdict admit_revocation(Bytes revocation) = 0;
  // Whether the wall clock has passed the record's end and tolerance: its member may be forgotten.
  [[nodiscard]] virtual bool has_expired(const HeldRecord& record) const = 0;

  // The wall clock, seconds since the Unix epoch modulo 2^32: told to members, who compare.
  [[nodiscard]] virtual std::uint32_t clock() const = 0;

  // An incarnation above `seen` and above every one used before, kept on disk before it is
  // returned. Nothing when it could not be kept: then there is nothing to sign.
  [[nodiscard]] virtual std::optional<std::uint64_t> next_incarnation(std::uint64_t seen) = 0;
  // Null when it could not be signed.
  [[nodiscard]] virtual SharedStatement sign_statement(StatementKind kind,
                                                       std::uint64_t record_version,
                                                       std::uint64_t incarnation) = 0;
};

}  // namespace xm
