// All that was ever signed in a simulated mesh, and an authority for each node that knows it: what
// a node is shown is genuine when it is there. Signing is real, verifying is looking up, and what a
// thousand nodes hold is held once.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

#include "agent/mesh/authority.hpp"
#include "agent/mesh/record.hpp"

namespace xm::test {

class SignedWords {
 public:
  explicit SignedWords(std::string mesh) : mesh_(std::move(mesh)) {}

  [[nodiscard]] const std::string& mesh() const { return mesh_; }

  [[nodiscard]] SharedRecord sign_record(const SigningKey& key, std::uint64_t version,
                                         const Endpoint& endpoint) {
    NodeRecord record;
    record.mesh = mesh_;
    record.identity = Identity::of(key);
    record.version = version;
    record.names = {"simulated"};
    record.endpoints = {endpoint};
    record.life = {1'700'000'000, 1'700'000'000 + kRecordLife};
    auto signed_record = SignedRecord::sign(std::move(record), key);
    if (!signed_record) std::abort();
    auto held = std::make_shared<HeldRecord>();
    held->identity = signed_record->record().identity;
    held->version = version;
    held->record.assign(signed_record->bytes().begin(), signed_record->bytes().end());
    records_[text_of(held->record)] = held;
    return held;
  }

  [[nodiscard]] SharedStatement sign_statement(StatementKind kind, const SigningKey& key,
                                               std::uint64_t record_version,
                                               std::uint64_t incarnation) {
    const Identity identity = Identity::of(key);
    auto statement =
        SignedStatement::sign(kind, {mesh_, identity, record_version, incarnation}, key);
    if (!statement) std::abort();
    auto held = std::make_shared<HeldStatement>();
    held->kind = kind;
    held->identity = identity;
    held->record_version = record_version;
    held->incarnation = incarnation;
    held->bytes.assign(statement->bytes().begin(), statement->bytes().end());
    statements_[name_of(kind, held->bytes)] = held;
    return held;
  }

  [[nodiscard]] SharedRecord find_record(Bytes bytes) const {
    const auto found = records_.find(text_of(bytes));
    return found == records_.end() ? nullptr : found->second;
  }
  [[nodiscard]] SharedStatement find_statement(StatementKind kind, Bytes bytes) const {
    const auto found = statements_.find(name_of(kind, bytes));
    return found == statements_.end() ? nullptr : found->second;
  }

 private:
  static std::string text_of(Bytes bytes) { return {bytes.begin(), bytes.end()}; }
  static std::string name_of(StatementKind kind, Bytes bytes) {
    return (kind == StatementKind::alive ? "alive " : "leave ") + text_of(bytes);
  }

  std::string mesh_;
  std::unordered_map<std::string, SharedRecord> records_;
  std::unordered_map<std::string, SharedStatement> statements_;
};

// One node's. The incarnation that would be on its disk outlives the node's restarts.
class SharedAuthority final : public Authority {
 public:
  SharedAuthority(SignedWords& words, SigningKey key) : words_(words), key_(std::move(key)) {}

  SharedRecord admit_record(Bytes record, Bytes) override {
    ++judged;
    return words_.find_record(record);
  }
  SharedStatement admit_statement(StatementKind kind, Bytes statement) override {
    ++judged;
    return words_.find_statement(kind, statement);
  }
  bool knows_revocation(Bytes revocation) const override {
    return revocations_ == std::string(revocation.begin(), revocation.end());
  }
  RevocationVerdict admit_revocation(Bytes revocation) override {
    if (revocation.empty() || revocation[0] != 'r') return RevocationVerdict::refused;
    const std::string text(revocation.begin(), revocation.end());
    return std::exchange(revocations_, text) == text ? RevocationVerdict::known
                                                     : RevocationVerdict::fresh;
  }
  bool has_expired(const HeldRecord& record) const override {
    return record.identity == expired_identity;
  }
  std::uint32_t clock() const override { return 1'700'000'000; }
  std::optional<std::uint64_t> next_incarnation(std::uint64_t seen) override {
    if (disk_is_full) return std::nullopt;
    incarnation_ = std::max(incarnation_, seen) + 1;
    return incarnation_;
  }
  SharedStatement sign_statement(StatementKind kind, std::uint64_t record_version,
                                 std::uint64_t incarnation) override {
    return words_.sign_statement(kind, key_, record_version, incarnation);
  }

  [[nodiscard]] const SigningKey& key() const { return key_; }

  std::size_t judged = 0;     // signatures looked at
  Identity expired_identity;  // whose record is to count as expired
  bool disk_is_full = false;

 private:
  SignedWords& words_;
  SigningKey key_;
  std::uint64_t incarnation_ = 0;
  std::string revocations_;  // the last
};

}  // namespace xm::test
