// The authority of a node that runs: its key, whom it trusts, and the counter on its disk.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/mesh/authority.hpp"
#include "agent/mesh/incarnation.hpp"
#include "agent/mesh/lifetime.hpp"
#include "agent/mesh/revocation.hpp"
#include "agent/mesh/trust.hpp"

namespace xm {

// What was refused, by reason.
struct AuthorityCounters {
  std::uint64_t malformed = 0;  // form, signature or mesh of a record, statement or revocation
  std::uint64_t untimely = 0;   // a record that has expired, or of the future
  std::uint64_t untrusted = 0;  // a sound record of nobody who is a member here
  std::uint64_t revocations_foreign = 0;
  std::uint64_t revocations_full = 0;
};

// One owner; `incarnations` outlives it.
class MeshAuthority final : public Authority {
 public:
  MeshAuthority(std::string mesh, SigningKey key, CounterStore& incarnations)
      : mesh_(std::move(mesh)),
        key_(std::move(key)),
        self_(Identity::of(key_)),
        incarnations_(incarnations) {}

  // Before every input: what is judged meanwhile is judged at this time.
  void set_time(UnixSeconds now) { now_ = now; }

  [[nodiscard]] TrustStore& trust() { return trust_; }
  [[nodiscard]] UnixSeconds time() const { return now_; }
  [[nodiscard]] const TrustStore& trust() const { return trust_; }
  [[nodiscard]] const AuthorityCounters& counters() const { return counters_; }

  // Why the last incarnation or statement could not be had; empty when all could.
  [[nodiscard]] const std::string& fault() const { return fault_; }

  // Those that came by gossip and are held since the last call: to be stored, and every decision is
  // to be made again.
  [[nodiscard]] std::vector<SignedRevocation> take_news() { return std::exchange(news_, {}); }

  [[nodiscard]] SharedRecord admit_record(Bytes record, Bytes certificates) override;
  [[nodiscard]] SharedStatement admit_statement(StatementKind kind, Bytes statement) override;
  [[nodiscard]] bool knows_revocation(Bytes revocation) const override;
  [[nodiscard]] RevocationVerdict admit_revocation(Bytes revocation) override;
  [[nodiscard]] bool has_expired(const HeldRecord& record) const override;
  [[nodiscard]] std::uint32_t clock() const override { return static_cast<std::uint32_t>(now_); }
  [[nodiscard]] std::optional<std::uint64_t> next_incarnation(std::uint64_t seen) override;
  [[nodiscard]] SharedStatement sign_statement(StatementKind kind, std::uint64_t record_version,
                                               std::uint64_t incarnation) override;

 private:
  const std::string mesh_;
  const SigningKey key_;
  const Identity self_;
  PersistedCounter incarnations_;
  TrustStore trust_;
  UnixSeconds now_ = 0;
  AuthorityCounters counters_;
  std::vector<SignedRevocation> news_;
  std::string fault_;
};

}  // namespace xm
