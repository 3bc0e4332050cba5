#include "agent/mesh/mesh.hpp"

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace xm {
namespace {

// How often decisions and silences are looked at again at the latest: the wall clock may be set.
constexpr Duration kCheckInterval = 10s;
// Records are not issued faster, whatever changes: each one goes to everybody.
constexpr Duration kIssueInterval = 5s;
// Nor is another's version of ours outdone more often: two nodes with one key would never end.
constexpr Duration kOutdoInterval = 60s;

SwimOptions swim_options(const MeshOptions& options) {
  SwimOptions swim;
  swim.max_members = options.max_members;
  return swim;
}

}  // namespace

Mesh::Mesh(const SigningKey& key, const MeshOptions& options, const MeshCounters& counters,
           Random& random)
    : self_(Identity::of(key)),
      options_(options),
      authority_(options.mesh, key.clone(), counters.incarnation),
      own_(options.mesh, key.clone(), counters.record_version),
      roster_(options.mesh, self_, options.ipv4_prefix),
      gossip_(self_, x25519_of(key),
              {.mesh = options.mesh,
               .swim = swim_options(options),
               .organisations = {},
               .hellos_per_second = options.hellos_per_second,
               .is_usable = [this](const Endpoint& at) { return roster_.is_usable(at); }},
              authority_, random),
      teller_(random),
      wishes_(options.wishes) {}

Status Mesh::start(const TrustFiles& files, const std::optional<CertificateChain>& chain,
                   const Moment& at) {
  begin(at);
  trust_faults_ = authority_.trust().load(files);
  (void)authority_.trust().take_found();  // whom we meet is told all
  gossip_.set_organisations(authority_.trust().organisations());
  own_.set_chain(chain);
  const auto record = own_.issue(wishes_, seconds_of(at.wall));
  if (!record) return record.error();
  if (!gossip_.start(record.value(), at.now)) return Error{authority_.fault()};
  check_at_ = at.now + kCheckInterval;
  issue_not_before_ = at.now + kIssueInterval;
  must_settle_ = true;
  finish(at);
  return {};
}

void Mesh::reload_trust(const TrustFiles& files, const std::optional<CertificateChain>& chain,
                        const Moment& at) {
  begin(at);
  const std::vector<VerifyKey> trusted = authority_.trust().organisations();
  trust_faults_ = authority_.trust().load(files);
  gossip_.set_organisations(authority_.trust().organisations());
  ask_for_revocations(trusted, at.now);
  own_.set_chain(chain);
  const std::vector<std::uint8_t> encoded =
      chain ? encode_chain(*chain) : std::vector<std::uint8_t>();
  must_issue_ = must_issue_ || encoded != own_.held()->certificates;
  reconsider(at);
  // Those that a person has put there are news for everybody.
  for (const SignedRevocation& revocation : authority_.trust().take_found()) {
    gossip_.spread_revocation(revocation.bytes(), at.now);
  }
  finish(at);
}

void Mesh::reconfigure(const MeshOptions& options, const Moment& at) {
  begin(at);
  options_.accept_subnets = options.accept_subnets;
  options_.accept_default = options.accept_default;
  options_.outside = options.outside;
  gossip_.set_limits(options.max_members, options.hellos_per_second);
  RecordWishes wishes = options.wishes;
  wishes.endpoints = wishes_.endpoints;
  wishes.salt = wishes_.salt;
  must_issue_ = must_issue_ || wishes != wishes_;
  wishes_ = std::move(wishes);
  must_settle_ = true;
  finish(at);
}

void Mesh::set_endpoints(std::vector<Endpoint> endpoints, const Moment& at) {
  begin(at);
  must_issue_ = must_issue_ || endpoints != wishes_.endpoints;
  wishes_.endpoints = std::move(endpoints);
  finish(at);
}

void Mesh::receive(Bytes datagram, const Endpoint& source, const Moment& at) {
  begin(at);
  gossip_.receive(datagram, source, at.now);
  finish(at);
}

void Mesh::contact(const std::optional<Identity>& identity, const Endpoint& endpoint,
                   const Moment& at) {
  begin(at);
  if (identity) {
    gossip_.contact(*identity, endpoint, at.now);
  } else {
    for (const VerifyKey& organisation : authority_.trust().organisations()) {
      gossip_.contact_organisation(organisation, endpoint, at.now);
    }
  }
  finish(at);
}

void Mesh::heard(const Identity& identity, const Endpoint& source, const Moment& at) {
  begin(at);
  gossip_.heard_elsewhere(identity, source, at.now);
  finish(at);
}

void Mesh::want_session(const Identity& identity, const Moment& at) {
  begin(at);
  gossip_.want_session(identity, at.now);
  finish(at);
}

void Mesh::probe(const Identity& identity, const Endpoint& endpoint, const Moment& at) {
  begin(at);
  gossip_.probe(identity, endpoint, at.now);
  finish(at);
}

void Mesh::use_endpoint(const Identity& identity, const Endpoint& endpoint, const Moment& at) {
  begin(at);
  gossip_.use_endpoint(identity, endpoint);
  finish(at);
}

void Mesh::leave(const Moment& at) {
  begin(at);
  teller_.forget_all();
  gossip_.leave(at.now);
  finish(at);
  check_at_ = kFarFuture;
}

void Mesh::on_timers(const Moment& at) {
  begin(at);
  gossip_.on_timers(at.now);
  if (check_at_ <= at.now) {
    check_at_ = at.now + kCheckInterval;
    authority_.trust().forget_expired(seconds_of(at.wall));
    must_issue_ = must_issue_ || own_.is_due(seconds_of(at.wall));
    must_plan_ = true;  // whoever has been silent for too long goes
    reconsider(at);
  }
  finish(at);
}

Instant Mesh::next_deadline() const {
  const Instant issue = must_issue_ ? issue_not_before_ : kFarFuture;
  return std::min({gossip_.next_deadline(), teller_.next_deadline(), check_at_, issue});
}

void Mesh::begin(const Moment& at) {
  now_ = at.now;
  authority_.set_time(seconds_of(at.wall));
}

// What one input leads to, to its end: what gossip wants may change who is a member, and that what
// gossip is to do.
void Mesh::finish(const Moment& at) {
  for (auto actions = gossip_.take_actions(); !actions.empty(); actions = gossip_.take_actions()) {
    for (GossipAction& action : actions) take(action, at);
    take_revocations(at);
  }
  if (std::exchange(must_settle_, false)) settle();
  if (must_issue_ && issue_not_before_ <= at.now) issue(at);
  tell_more(at.now);
  for (GossipAction& action : gossip_.take_actions()) take(action, at);
  if (std::exchange(must_plan_, false)) make_plan(at.now);
}

void Mesh::take(GossipAction& action, const Moment& at) {
  struct Handler {
    Mesh& mesh;
    const Moment& at;

    void operator()(SendDatagram& send) const { mesh.actions_.emplace_back(std::move(send)); }
    void operator()(const EndpointVerified& verified) const {
      mesh.actions_.emplace_back(verified);
    }
    void operator()(const ProbeAnswered& answered) const { mesh.actions_.emplace_back(answered); }
    void operator()(const SessionBegan& session) const { mesh.on_session(session, at); }
    void operator()(const MemberChanged& change) const { mesh.on_member(change, at); }
    void operator()(const TrySeed& seed) const { mesh.actions_.emplace_back(seed); }
    void operator()(const EndpointObserved& observed) const {
      mesh.actions_.emplace_back(observed);
    }
    void operator()(const ClockTold& told) const {
      // Modulo 2^32, of which half is to either side.
      mesh.skews_[told.by] = static_cast<std::int32_t>(told.clock - mesh.authority_.clock());
    }
    void operator()(const OtherPingAnswered& answered) const {
      mesh.teller_.acknowledged(answered.by, answered.number, at.now);
    }
    void operator()(const RevocationsWanted& wanted) const {
      mesh.teller_.begin(wanted.by, mesh.authority_.trust().revocation_count(), at.now);
    }
    void operator()(const DuplicateIdentity&) const { mesh.duplicate_at_ = at.now; }
    void operator()(const OwnRecordOutdated& outdated) const {
      mesh.on_outdone(outdated.seen_version, at.now);
    }
  };
  std::visit(Handler{*this, at}, action);
}

void Mesh::on_member(const MemberChanged& change, const Moment& at) {
  actions_.emplace_back(change);
  must_plan_ = true;
  const bool is_away = change.change == MemberChange::forgotten ||
                       change.change == MemberChange::dead || change.change == MemberChange::left;
  if (is_away) {
    away_.insert(change.identity);
    teller_.forget(change.identity);
  }
  if (change.change == MemberChange::forgotten) {
    away_.erase(change.identity);
    roster_.remove(change.identity);
    skews_.erase(change.identity);
    must_settle_ = true;
    return;
  }
  // A suspect that clears itself was not away.
  const bool is_back = change.change == MemberChange::alive && away_.erase(change.identity) > 0;
  if (is_back) tell_revocations(change.identity, at);
  if (change.change != MemberChange::joined && change.change != MemberChange::record) return;
  const Member* const member = gossip_.swim().members().find(change.identity);
  if (member == nullptr) return;
  must_settle_ = true;
  if (!roster_.take(*member->record, authority_.trust(), seconds_of(at.wall))) {
    gossip_.remove(change.identity, at.now);
    return;
  }
  gossip_.set_candidates(change.identity, roster_.candidates(*roster_.find(change.identity)));
}

void Mesh::on_session(const SessionBegan& session, const Moment& at) {
  tell_revocations(session.identity, at);
  actions_.emplace_back(session);
}

// Trust has changed, or time has passed: who is no member any more is out.
void Mesh::reconsider(const Moment& at) {
  for (const Standing& gone : roster_.reconsider(authority_.trust(), seconds_of(at.wall))) {
    tell_reason(gone, at.now);
    gossip_.remove(gone.record.identity, at.now);
  }
  must_settle_ = true;
  if (const auto until = roster_.until()) {
    const Duration left = std::chrono::seconds(*until - seconds_of(at.wall));
    check_at_ = std::min(check_at_, at.now + std::clamp<Duration>(left, 0ns, kCheckInterval));
  }
}

// An earlier life's record that the disk has forgotten, or one of another node with our key.
void Mesh::on_outdone(std::uint64_t version, Instant now) {
  seen_version_ = std::max(seen_version_, version);
  must_issue_ = true;
  must_outdo_ = true;
  if (!outdone_at_.is_never() && now - outdone_at_ < kOutdoInterval) {
    issue_not_before_ = std::max(issue_not_before_, outdone_at_ + kOutdoInterval);
  }
}

void Mesh::issue(const Moment& at) {
  must_issue_ = false;
  if (std::exchange(must_outdo_, false)) outdone_at_ = at.now;
  issue_not_before_ = at.now + kIssueInterval;
  const auto record = own_.issue(wishes_, seconds_of(at.wall), seen_version_);
  record_fault_ = record ? std::string() : record.error().what;
  if (record) gossip_.set_own_record(record.value(), at.now);
}

}  // namespace xm
