// Revocations: who is told of those that are held here, and what follows from those that are
// learnt.
#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "agent/mesh/mesh.hpp"

namespace xm {
namespace {

// Told at once to a member that is met, so that it hears who is out before anything else of us;
// whether they came, and all others, are the teller's.
constexpr std::size_t kToldAtOnce = 128;
// Members of one mesh mostly trust the same, and so hold the same.
constexpr std::size_t kMostAsked = 16;

}  // namespace

// Whom we meet (again) hears first who is out: what went round while we were apart.
void Mesh::tell_revocations(const Identity& identity, const Moment& at) {
  const TrustStore& trust = authority_.trust();
  if (trust.revocation_count() > RevocationTeller::kPageSize) {
    std::vector<Bytes> first;
    for (const SignedRevocation* const revocation :
         trust.revocations_after(std::nullopt, kToldAtOnce)) {
      first.push_back(revocation->bytes());
    }
    gossip_.tell_revocations(identity, first, 0, at.now);
  }
  teller_.begin(identity, trust.revocation_count(), at.now);
}

// To whom there is no session (any more) it begins with the next.
void Mesh::tell_more(Instant now) {
  for (const RevocationTeller::Page& page : teller_.take_due(authority_.trust(), now)) {
    if (gossip_.has_session(page.to)) {
      gossip_.tell_revocations(page.to, page.revocations, page.number, now);
    } else {
      teller_.forget(page.to);
    }
  }
}

// The last word to whom its organisation has revoked: nobody talks to it any more, and it could not
// say why it is alone.
void Mesh::tell_reason(const Standing& gone, Instant now) {
  const Identity& identity = gone.record.identity;
  if (!gone.chain || !gossip_.has_session(identity)) return;
  const SignedRevocation* const why = authority_.trust().revocation_of(*gone.chain);
  if (why != nullptr) gossip_.tell_revocations(identity, {why->bytes()}, 0, now);
}

// Of an organisation that was not trusted until now we kept none, whoever told us.
void Mesh::ask_for_revocations(const std::vector<VerifyKey>& trusted, Instant now) {
  const std::vector<VerifyKey> organisations = authority_.trust().organisations();
  const bool has_new =
      std::any_of(organisations.begin(), organisations.end(), [&](const auto& key) {
        return std::find(trusted.begin(), trusted.end(), key) == trusted.end();
      });
  if (!has_new) return;
  std::vector<Identity> asked;
  for (const Member& member : gossip_.swim().members().all()) {
    if (asked.size() == kMostAsked) break;
    if (member.state == MemberState::alive) asked.push_back(member.identity);
  }
  for (const Identity& member : asked) gossip_.want_revocations(member, now);
}

void Mesh::take_revocations(const Moment& at) {
  std::vector<SignedRevocation> news = authority_.take_news();
  if (news.empty()) return;
  reconsider(at);
  for (SignedRevocation& revocation : news) {
    actions_.emplace_back(RevocationLearnt{std::move(revocation)});
  }
}

}  // namespace xm
