#include "agent/mesh/mesh_authority.hpp"

#include <memory>

#include "agent/mesh/record.hpp"

namespace xm {
namespace {

SharedStatement hold(const SignedStatement& made) {
  auto held = std::make_shared<HeldStatement>();
  held->kind = made.kind();
  held->identity = made.statement().identity;
  held->record_version = made.statement().record_version;
  held->incarnation = made.statement().incarnation;
  held->bytes.assign(made.bytes().begin(), made.bytes().end());
  return held;
}

}  // namespace

SharedRecord MeshAuthority::admit_record(Bytes record, Bytes certificates) {
  const auto opened = SignedRecord::open(record, mesh_);
  std::optional<CertificateChain> chain;
  bool is_sound = opened.ok();
  if (is_sound && !certificates.empty()) {
    auto opened_chain = open_chain(certificates);
    is_sound = opened_chain.ok();
    if (is_sound) chain = std::move(*opened_chain);
  }
  if (!is_sound) {
    ++counters_.malformed;
    return nullptr;
  }
  const NodeRecord& said = opened.value().record();
  if (record_age(said.life, now_) != RecordAge::valid) {
    ++counters_.untimely;
    return nullptr;
  }
  // Our own comes back to us: it needs nobody's trust.
  if (said.identity != self_ && !trust_.decide(said, chain ? &*chain : nullptr, now_).member) {
    ++counters_.untrusted;
    return nullptr;
  }
  auto held = std::make_shared<HeldRecord>();
  held->identity = said.identity;
  held->version = said.version;
  held->record.assign(record.begin(), record.end());
  held->certificates.assign(certificates.begin(), certificates.end());
  return held;
}

SharedStatement MeshAuthority::admit_statement(StatementKind kind, Bytes statement) {
  const auto opened = SignedStatement::open(kind, statement, mesh_);
  if (!opened) {
    ++counters_.malformed;
    return nullptr;
  }
  return hold(opened.value());
}

bool MeshAuthority::knows_revocation(Bytes revocation) const {
  const auto claimed = decode_revocation(revocation);
  return claimed && trust_.holds(claimed.value());
}

RevocationVerdict MeshAuthority::admit_revocation(Bytes revocation) {
  auto opened = SignedRevocation::open(revocation);
  if (!opened) {
    ++counters_.malformed;
    return RevocationVerdict::refused;
  }
  switch (trust_.add(opened.value())) {
    case RevocationOutcome::added:
      news_.push_back(std::move(*opened));
      return RevocationVerdict::fresh;
    case RevocationOutcome::known:
      return RevocationVerdict::known;
    case RevocationOutcome::foreign:
      ++counters_.revocations_foreign;
      return RevocationVerdict::refused;
    case RevocationOutcome::full:
      ++counters_.revocations_full;
      return RevocationVerdict::refused;
  }
  return RevocationVerdict::refused;
}

bool MeshAuthority::has_expired(const HeldRecord& record) const {
  const auto decoded = decode_record(record.record);
  return !decoded || record_age(decoded.value().life, now_) == RecordAge::expired;
}

std::optional<std::uint64_t> MeshAuthority::next_incarnation(std::uint64_t seen) {
  const auto next = incarnations_.next(seen);
  if (next) return next.value();
  fault_ = "no new incarnation: " + next.error().what;
  return std::nullopt;
}

SharedStatement MeshAuthority::sign_statement(StatementKind kind, std::uint64_t record_version,
                                              std::uint64_t incarnation) {
  const auto made = SignedStatement::sign(kind, {mesh_, self_, record_version, incarnation}, key_);
  if (made) return hold(made.value());
  fault_ = "no statement: " + made.error().what;
  return nullptr;
}

}  // namespace xm
