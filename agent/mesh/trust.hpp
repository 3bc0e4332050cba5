// Who is a member, and what a member may have. Fail closed: whom nothing vouches for is nobody.
//
// A node is a member when its identity is authorized here, or when its certificate chain is sound
// (certificate.hpp) and of an organisation that is trusted here. A revocation of the organisation
// beats every certificate, whichever came first; a denial beats everything. A revocation says
// nothing of a node that is authorized by itself: that is this machine's own word.
//
// Contents are handed in as bytes; whoever reads files calls load() again when they change. One
// thread.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "agent/mesh/certificate.hpp"
#include "agent/mesh/record.hpp"
#include "agent/mesh/revocation.hpp"
#include "agent/mesh/text_lines.hpp"
#include "agent/mesh/trust_text.hpp"

namespace xm {

// What the directories hold.
struct TrustFiles {
  std::vector<NamedText> authorized_keys;  // trust_text.hpp, nodes
  std::vector<NamedText> organisations;    // trust_text.hpp, organisations
  std::vector<NamedText> revocations;      // armour.hpp, kind "revocation"; and denials
};

struct Decision {
  bool member = false;
  std::string reason;  // for people, as in "authorized key laptop" or "its certificate has expired"
  // Of the record's wishes, what is granted; of a node that is no member nothing.
  std::vector<std::string> names;
  std::vector<IpAddress> addresses;
  std::vector<Prefix> subnets;
  std::vector<std::string> refused;  // the other wishes, as in "subnet 10.0.0.0/8"
  // When the certificate that counted expires, so that this is to be decided again. 0: none did.
  UnixSeconds until = 0;
};

enum class RevocationOutcome : std::uint8_t {
  added,    // to be stored and passed on; every decision is to be made again
  known,    // held already
  foreign,  // of an organisation that is not trusted here: not held
  full,     // kMaxRevocations are held: refused, to be reported
};

inline constexpr std::size_t kMaxRevocations = 65536;

using RevokedKey = std::pair<VerifyKey, VerifyKey>;  // organisation, key

class TrustStore {
 public:
  // Replaces what the files say; revocations that came by add() stay while their organisation is
  // trusted. Returns what is wrong with the files, "NAME: line N: …", each of which takes trust
  // away and never gives any: a faulty trust file counts as empty, and while one revocation or
  // denial cannot be read no certificate counts.
  [[nodiscard]] std::vector<std::string> load(const TrustFiles& files);

  // Those that the last load() has found in files and that were not held before; once.
  [[nodiscard]] std::vector<SignedRevocation> take_found() { return std::exchange(found_, {}); }

  RevocationOutcome add(const SignedRevocation& revocation);
  // Forgets revocations 30 days after they have expired: the clock may be wrong.
  void forget_expired(UnixSeconds now);

  // For a record that SignedRecord::open() has accepted, with the chain that came with it, if any.
  // Whether the record itself has expired is record_age()'s word.
  [[nodiscard]] Decision decide(const NodeRecord& record, const CertificateChain* chain,
                                UnixSeconds now) const;

  // Whether this identity may join at all without a certificate; and whether an organisation
  // counts: for whom to answer before a record is known.
  [[nodiscard]] bool is_authorized(const Identity& identity) const;
  [[nodiscard]] bool trusts_organisation(const VerifyKey& key) const;
  [[nodiscard]] std::vector<VerifyKey> organisations() const;
  // Nothing and nobody is trusted: nobody can join.
  [[nodiscard]] bool is_empty() const { return nodes_.empty() && organisations_.empty(); }

  // Every revocation held, for passing on; in the order of organisation and key, so that who holds
  // the same lists the same.
  [[nodiscard]] std::vector<const SignedRevocation*> revocations() const;
  // In the same order at most `most` of those behind `after`; none: from the first on.
  [[nodiscard]] std::vector<const SignedRevocation*> revocations_after(
      const std::optional<RevokedKey>& after, std::size_t most) const;
  [[nodiscard]] std::size_t revocation_count() const { return revocations_.size(); }
  // What of those makes the chain void: the word against its member, or else the one against the
  // delegate who signed it. Null: nothing does. Lent until they change.
  [[nodiscard]] const SignedRevocation* revocation_of(const CertificateChain& chain) const;
  // Whether this one, or one about the same key that lives as long, is held.
  [[nodiscard]] bool holds(const Revocation& revocation) const;

 private:
  [[nodiscard]] std::string certificate_fault(const NodeRecord& record,
                                              const CertificateChain& chain, UnixSeconds now) const;
  void load_trust(KeyKind kind, const std::vector<NamedText>& files,
                  std::map<VerifyKey, TrustEntry>& into, std::vector<std::string>& faults);
  void load_revocation(const NamedText& file, std::vector<std::string>& faults);

  std::map<VerifyKey, TrustEntry> nodes_;
  std::map<VerifyKey, TrustEntry> organisations_;
  std::set<Identity> denied_;
  std::map<RevokedKey, SignedRevocation> revocations_;
  std::vector<SignedRevocation> found_;
  bool revocations_readable_ = true;
};

}  // namespace xm
