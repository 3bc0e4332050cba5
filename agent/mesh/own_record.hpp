// This node's own record: what it says, when it is issued again, under which version, and what is
// wrong with the certificate that goes with it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/mesh/authority.hpp"
#include "agent/mesh/certificate.hpp"
#include "agent/mesh/incarnation.hpp"
#include "agent/mesh/record.hpp"
#include "agent/mesh/trust.hpp"

namespace xm {

// What the node wants to say, beside its name and key. A copy of the configuration's words.
struct RecordWishes {
  std::vector<std::string> names;
  std::vector<IpAddress> addresses;
  std::vector<Prefix> subnets;
  std::vector<Endpoint> endpoints;
  std::uint32_t salt = 0;
  UnixSeconds life = kRecordLife;

  friend bool operator==(const RecordWishes&, const RecordWishes&) = default;
};

// One owner; `versions` outlives it.
class OwnRecord {
 public:
  OwnRecord(std::string mesh, SigningKey key, CounterStore& versions)
      : mesh_(std::move(mesh)), key_(std::move(key)), versions_(versions) {}

  // The organisation's word that goes with every record from the next on; none: without.
  void set_chain(const std::optional<CertificateChain>& chain);

  // A record with a version above every one before and above `seen`, kept on disk first. On an
  // error the last one stays.
  [[nodiscard]] Result<SharedRecord> issue(const RecordWishes& wishes, UnixSeconds now,
                                           std::uint64_t seen = 0);

  // Null before the first issue().
  [[nodiscard]] const SharedRecord& held() const { return held_; }
  [[nodiscard]] const RecordWishes& wishes() const { return wishes_; }
  [[nodiscard]] const Lifetime& life() const { return life_; }
  // A third of its life has passed, or its clock was another's (design: refreshed at a third).
  [[nodiscard]] bool is_due(UnixSeconds now) const {
    return now >= due() || now < life_.issued - kClockTolerance;
  }
  [[nodiscard]] UnixSeconds due() const { return life_.issued + life_.length() / 3; }

  // Why the organisation's word for this node counts nowhere at `now`, as far as is known here, or
  // that it soon will not, and what to do about it: a sentence for people. Empty when all is well,
  // or there is none.
  [[nodiscard]] std::string certificate_fault(const TrustStore& trust, UnixSeconds now) const;

 private:
  const std::string mesh_;
  const SigningKey key_;
  PersistedCounter versions_;
  std::optional<CertificateChain> chain_;
  RecordWishes wishes_;
  Lifetime life_;
  SharedRecord held_;
};

}  // namespace xm
