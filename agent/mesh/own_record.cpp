#include "agent/mesh/own_record.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace xm {
namespace {

// A certificate is asked for anew when so much of its life is left, or a tenth of it.
constexpr UnixSeconds kEndIsNear = 7 * kDay;

std::string span_text(UnixSeconds seconds) {
  if (seconds >= 2 * kDay) return std::to_string(seconds / kDay) + " days";
  if (seconds >= 2 * kHour) return std::to_string(seconds / kHour) + " hours";
  return std::to_string(seconds) + " s";
}

// What was expected of the certificate, and what came; empty when it is as expected.
std::string chain_fault_in_full(const CertificateChain& chain, const Identity& self,
                                const std::string& mesh, UnixSeconds now) {
  const Certificate& own = chain.member.certificate();
  if (own.subject != self.key) {
    return "expected one for this node, " + self.to_string() + ", got one for " +
           Identity{own.subject}.to_string();
  }
  if (!own.mesh.empty() && own.mesh != mesh) {
    return "expected one for the mesh " + mesh + ", got one for the mesh " + own.mesh;
  }
  if (now >= chain.expires()) {
    return "expected one that is valid now, got one that expired " +
           span_text(now - chain.expires()) + " ago";
  }
  return chain_fault(chain, self, mesh, now);
}

}  // namespace

void OwnRecord::set_chain(const std::optional<CertificateChain>& chain) {
  chain_ = chain;
}

Result<SharedRecord> OwnRecord::issue(const RecordWishes& wishes, UnixSeconds now,
                                      std::uint64_t seen) {
  const auto version = versions_.next(seen);
  if (!version) return version.error();
  NodeRecord record;
  record.mesh = mesh_;
  record.identity = Identity::of(key_);
  record.version = version.value();
  record.names = wishes.names;
  record.salt = wishes.salt;
  record.addresses = wishes.addresses;
  record.subnets = wishes.subnets;
  record.endpoints = wishes.endpoints;
  record.life = {now, now + wishes.life};
  const Lifetime life = record.life;
  const auto made = SignedRecord::sign(std::move(record), key_);
  if (!made) return made.error();
  auto held = std::make_shared<HeldRecord>();
  held->identity = made.value().record().identity;
  held->version = version.value();
  held->record.assign(made.value().bytes().begin(), made.value().bytes().end());
  if (chain_) held->certificates = encode_chain(*chain_);
  held_ = std::move(held);
  wishes_ = wishes;
  life_ = life;
  return held_;
}

std::string OwnRecord::certificate_fault(const TrustStore& trust, UnixSeconds now) const {
  if (!chain_) return {};
  const Identity self = Identity::of(key_);
  const std::string remedy = ": ask its organisation for a new one (xdp-mesh org sign " +
                             self.to_string() + ") and take it in here (xdp-mesh trust FILE)";
  const std::string no_member = "this node's certificate makes it no member: ";
  const SignedRevocation* const revocation = trust.revocation_of(*chain_);
  if (revocation != nullptr && chain_->member.certificate().subject == self.key) {
    const std::string organisation =
        key_text(KeyKind::organisation, revocation->revocation().organisation);
    if (revocation->revocation().key == self.key) {
      return no_member + "its organisation, " + organisation + ", revoked this node's key, " +
             self.to_string() +
             ", for good: to come back, it needs another identity (move node.key and "
             "node.certificate away, then xdp-mesh keygen), signed anew (xdp-mesh org sign)";
    }
    return no_member + "its organisation, " + organisation +
           ", revoked the delegate who signed it, " +
           key_text(KeyKind::delegate, revocation->revocation().key) + remedy;
  }
  const std::string fault = chain_fault_in_full(*chain_, self, mesh_, now);
  if (!fault.empty()) return no_member + fault + remedy;
  const UnixSeconds left = chain_->expires() - now;
  if (left >= std::min(kEndIsNear, chain_->member.certificate().life.length() / 10)) return {};
  return "this node's certificate expires in " + span_text(left) + remedy;
}

}  // namespace xm
