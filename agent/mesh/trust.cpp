#include "agent/mesh/trust.hpp"

#include <algorithm>

#include "agent/mesh/armour.hpp"

namespace xm {
namespace {

constexpr UnixSeconds kKeptAfterExpiry = 30 * kDay;

std::string quoted(const std::string& label) {
  return label.empty() ? "" : " " + label;
}

// Splits the record's wishes into granted and refused: one that any of `sources` allows is granted.
// A certificate's grant counts as far as its organisation's limits go.
struct Source {
  const Grants* grants;
  const Grants* limits;  // null: none
};

template <typename Wish, typename Allows, typename Describe>
void judge(const std::vector<Wish>& wishes, std::vector<Wish>& granted,
           std::vector<std::string>& refused, const std::vector<Source>& sources,
           const Allows& allows, const Describe& describe) {
  for (const Wish& wish : wishes) {
    const bool is_granted = std::any_of(sources.begin(), sources.end(), [&](const Source& source) {
      return allows(*source.grants, wish) &&
             (source.limits == nullptr || allows(*source.limits, wish));
    });
    if (is_granted) {
      granted.push_back(wish);
    } else {
      refused.push_back(describe(wish));
    }
  }
}

void judge_wishes(const NodeRecord& record, const std::vector<Source>& sources,
                  Decision& decision) {
  judge(
      record.names, decision.names, decision.refused, sources,
      [](const Grants& grants, const std::string& name) { return grants.allows_name(name); },
      [](const std::string& name) { return "name " + name; });
  judge(
      record.addresses, decision.addresses, decision.refused, sources,
      [](const Grants& grants, const IpAddress& address) { return grants.allows_address(address); },
      [](const IpAddress& address) { return "address " + address.to_string(); });
  judge(
      record.subnets, decision.subnets, decision.refused, sources,
      [](const Grants& grants, const Prefix& subnet) { return grants.allows_subnet(subnet); },
      [](const Prefix& subnet) { return "subnet " + subnet.to_string(); });
}

}  // namespace

void TrustStore::load_trust(KeyKind kind, const std::vector<NamedText>& files,
                            std::map<VerifyKey, TrustEntry>& into,
                            std::vector<std::string>& faults) {
  into.clear();
  std::set<VerifyKey> twice;
  for (const NamedText& file : files) {
    const auto entries = parse_trust(kind, file.text);
    if (!entries) {
      faults.push_back(file.name + ": " + entries.error().what);
      continue;
    }
    for (const TrustEntry& entry : entries.value()) {
      if (into.emplace(entry.key, entry).second || !twice.insert(entry.key).second) continue;
      faults.push_back(file.name + ": " + key_text(kind, entry.key) +
                       " stands in another entry too, which counts: remove one of them");
    }
  }
}

void TrustStore::load_revocation(const NamedText& file, std::vector<std::string>& faults) {
  const auto unreadable = [&](const Error& error) {
    revocations_readable_ = false;
    faults.push_back(file.name + ": " + error.what +
                     "; until this is mended no certificate counts");
  };
  if (text_kind(file.text) == "denial") {
    const auto denied = parse_denial(file.text);
    if (!denied) return unreadable(denied.error());
    denied_.insert(denied.value().begin(), denied.value().end());
    return;
  }
  const auto bytes = open_armour("revocation", file.text, kRevocationSize);
  if (!bytes) return unreadable(bytes.error());
  const auto revocation = SignedRevocation::open(bytes.value());
  if (!revocation) return unreadable(revocation.error());
  const RevocationOutcome outcome = add(revocation.value());
  if (outcome == RevocationOutcome::added) found_.push_back(revocation.value());
  if (outcome == RevocationOutcome::full) {
    unreadable({"expected at most " + std::to_string(kMaxRevocations) + " revocations"});
  }
}

std::vector<std::string> TrustStore::load(const TrustFiles& files) {
  std::vector<std::string> faults;
  found_.clear();
  load_trust(KeyKind::node, files.authorized_keys, nodes_, faults);
  load_trust(KeyKind::organisation, files.organisations, organisations_, faults);
  std::erase_if(revocations_, [&](const auto& held) {
    return !trusts_organisation(held.second.revocation().organisation);
  });
  denied_.clear();
  revocations_readable_ = true;
  for (const NamedText& file : files.revocations) load_revocation(file, faults);
  return faults;
}

RevocationOutcome TrustStore::add(const SignedRevocation& revocation) {
  const Revocation& what = revocation.revocation();
  if (!trusts_organisation(what.organisation)) return RevocationOutcome::foreign;
  const RevokedKey key{what.organisation, what.key};
  const auto held = revocations_.find(key);
  if (held == revocations_.end()) {
    if (revocations_.size() >= kMaxRevocations) return RevocationOutcome::full;
    revocations_.emplace(key, revocation);
    return RevocationOutcome::added;
  }
  // The one that lives longest stays, so that everyone ends with the same.
  if (holds(what)) return RevocationOutcome::known;
  held->second = revocation;
  return RevocationOutcome::added;
}

void TrustStore::forget_expired(UnixSeconds now) {
  std::erase_if(revocations_, [&](const auto& held) {
    return now > held.second.revocation().life.expires + kKeptAfterExpiry;
  });
}

bool TrustStore::is_authorized(const Identity& identity) const {
  return nodes_.contains(identity.key) && !denied_.contains(identity);
}

bool TrustStore::trusts_organisation(const VerifyKey& key) const {
  return organisations_.contains(key);
}

std::vector<VerifyKey> TrustStore::organisations() const {
  std::vector<VerifyKey> keys;
  for (const auto& [key, entry] : organisations_) keys.push_back(key);
  return keys;
}

std::vector<const SignedRevocation*> TrustStore::revocations() const {
  std::vector<const SignedRevocation*> all;
  all.reserve(revocations_.size());
  for (const auto& [key, revocation] : revocations_) all.push_back(&revocation);
  return all;
}

std::vector<const SignedRevocation*> TrustStore::revocations_after(
    const std::optional<RevokedKey>& after, std::size_t most) const {
  std::vector<const SignedRevocation*> some;
  auto next = after ? revocations_.upper_bound(*after) : revocations_.begin();
  for (; next != revocations_.end() && some.size() < most; ++next) some.push_back(&next->second);
  return some;
}

const SignedRevocation* TrustStore::revocation_of(const CertificateChain& chain) const {
  const Certificate& member = chain.member.certificate();
  for (const VerifyKey& key : {member.subject, member.issuer}) {
    const auto found = revocations_.find({chain.organisation(), key});
    if (found != revocations_.end()) return &found->second;
  }
  return nullptr;
}

bool TrustStore::holds(const Revocation& revocation) const {
  const auto held = revocations_.find({revocation.organisation, revocation.key});
  return held != revocations_.end() &&
         held->second.revocation().life.expires >= revocation.life.expires;
}

std::string TrustStore::certificate_fault(const NodeRecord& record, const CertificateChain& chain,
                                          UnixSeconds now) const {
  const VerifyKey& organisation = chain.organisation();
  if (!trusts_organisation(organisation)) {
    return "its certificate is of an organisation that is not trusted here, " +
           key_text(KeyKind::organisation, organisation);
  }
  if (!revocations_readable_) return "a revocation cannot be read, so no certificate counts";
  if (const SignedRevocation* const revocation = revocation_of(chain)) {
    return revocation->revocation().key == chain.member.certificate().subject
               ? "its organisation revoked it"
               : "its organisation revoked the delegate who signed it";
  }
  return chain_fault(chain, record.identity, record.mesh, now);
}

Decision TrustStore::decide(const NodeRecord& record, const CertificateChain* chain,
                            UnixSeconds now) const {
  Decision decision;
  if (denied_.contains(record.identity)) {
    decision.reason = "denied here (xdp-mesh revoke)";
    return decision;
  }
  std::vector<Source> sources;
  const auto node = nodes_.find(record.identity.key);
  if (node != nodes_.end()) {
    decision.member = true;
    decision.reason = "authorized key" + quoted(node->second.label);
    sources.push_back({&node->second.grants, nullptr});
  }
  if (chain != nullptr) {
    const std::string why = certificate_fault(record, *chain, now);
    if (why.empty()) {
      const TrustEntry& organisation = organisations_.at(chain->organisation());
      if (!decision.member) {
        decision.reason = "certificate of organisation" + quoted(organisation.label);
        decision.member = true;
      }
      // Also of an authorized node: what the certificate grants ends with it.
      decision.until = chain->expires();
      sources.push_back({&chain->member.certificate().grants,
                         organisation.has_grants ? &organisation.grants : nullptr});
    } else if (!decision.member) {
      decision.reason = why;
    }
  } else if (!decision.member) {
    decision.reason = "neither authorized here nor with a certificate";
  }
  if (decision.member) judge_wishes(record, sources, decision);
  return decision;
}

}  // namespace xm
