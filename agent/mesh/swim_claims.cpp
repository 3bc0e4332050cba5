// What members say: of others (accusations, without proof) and of themselves (signed).
#include <algorithm>

#include "agent/mesh/record.hpp"
#include "agent/mesh/swim.hpp"

namespace xm {
namespace {

// An honest node accuses once a period at most. Half as much again may be claimed in its name, and
// what it was held up with in one go.
constexpr Duration kAccusationCost = 330ms;
constexpr Duration kAccusationBurst = 6s;
// So many statements above our own within a minute are no memory of an earlier life.
constexpr unsigned kForeignStatements = 3;
constexpr Duration kForeignWithin = 60s;
constexpr Duration kForgetInterval = 60s;
constexpr Duration kWantPause = 50ms;
constexpr Duration kHeardLately = 30s;

}  // namespace

// --- accusations ---------------------------------------------------------------------------------

void Swim::on_accusation(const Member& sender, const AccusationMessage& message, Instant now) {
  if (message.subject == self_) {
    accused_ourselves(message, now);
    return;
  }
  Member* const member = members_.find(message.subject);
  if (member == nullptr || !member->is_up()) return;
  Member* const accuser = members_.find(message.accuser);
  // Of the incarnation that we hold signed, and no other: an older one is refuted, a newer one may
  // be made up. But we may have missed something: who accuses can show it.
  if (message.incarnation > member->incarnation && now >= want_again_at_) {
    want_again_at_ = now + kWantPause;
    send(sender.identity, WantMessage{{member->identity}});
  }
  if (message.incarnation != member->incarnation || message.accuser == message.subject) {
    ++counters_.refused_accusations;
    return;
  }
  if (message.is_death && member->suspicion == nullptr) return;
  if (member->suspicion != nullptr && member->suspicion->is_accuser(message.accuser)) return;
  // Our own accusations come from our own probes only.
  if (accuser == nullptr || !accuser->is_up() || !pay_for_accusation(*accuser, now)) {
    ++counters_.refused_accusations;
    return;
  }
  suspect(*member, message.accuser, now);
}

void Swim::accused_ourselves(const AccusationMessage& message, Instant now) {
  if (message.incarnation < own_statement_->incarnation) {
    // They do not know our newest word, unless it is just on its way to them.
    if (!queue_.contains({NewsTopic::Kind::statement, self_, {}})) push_own_statement(now);
    return;
  }
  // Once a period: a signature, a file and a word to everybody each. Whoever makes one up after the
  // other gets no more of them than that; for all others it is soon enough.
  if (message.incarnation == own_statement_->incarnation) {
    refute_at_ = std::min(refute_at_, std::max(now, refute_not_before_));
  }
  if (refute_at_ <= now) refute(now);
}

void Swim::refute(Instant now) {
  refute_at_ = kFarFuture;
  refute_not_before_ = now + options_.period;
  if (options_.lifeguard) awareness_.worsen(1);
  if (raise_incarnation(own_statement_->incarnation)) push_own_statement(now);
}

// Makes or confirms a suspicion, and passes it on when that was new.
void Swim::suspect(Member& member, const Identity& accuser, Instant now) {
  if (member.suspicion == nullptr) {
    const SuspicionTimes times = suspicion_times(options_.period, population(), options_.lifeguard);
    change_state(member, MemberState::suspect, now);
    member.suspicion = std::make_unique<Suspicion>(now, times, accuser);
    suspects_.push_back(member.identity);
    // We have heard it lately: what is said may be old, as after a partition. Asked at once, it
    // clears itself, and the accusation goes no further from here.
    const bool was_heard =
        !member.answered_at.is_never() && now - member.answered_at < kHeardLately;
    if (was_heard && accuser != self_) recheck(member, now);
  } else if (!member.suspicion->confirm(accuser)) {
    return;
  } else if (accuser != self_ && member.suspicion->take_confirmed_question()) {
    recheck(member, now);
  }
  suspicion_at_ = std::min(suspicion_at_, std::max(member.suspicion->due(), now));
  pass_on_accusation(member, accuser, false, now);
}

void Swim::pass_on_accusation(const Member& member, const Identity& accuser, bool is_death,
                              Instant now) {
  push_news({NewsTopic::Kind::accusation, member.identity, accuser},
            AccusationMessage{is_death, member.identity, member.incarnation, accuser}, now);
}

bool Swim::pay_for_accusation(Member& accuser, Instant now) {
  const Instant paid =
      std::max(accuser.accusations_paid_until, now - kAccusationBurst) + kAccusationCost;
  if (paid > now) return false;
  accuser.accusations_paid_until = paid;
  return true;
}

void Swim::expire_suspicions(Instant now) {
  suspicion_at_ = kFarFuture;
  std::erase_if(suspects_, [&](const Identity& identity) {
    Member* const member = members_.find(identity);
    if (member == nullptr || member->suspicion == nullptr) return true;
    if (member->suspicion->deadline() > now) {
      if (member->suspicion->take_question(now)) recheck(*member, now);
      suspicion_at_ = std::min(suspicion_at_, member->suspicion->due());
      return false;
    }
    // Only who has seen it for itself says so: the others have nothing to add.
    if (member->suspicion->is_accuser(self_)) pass_on_accusation(*member, self_, true, now);
    change_state(*member, MemberState::dead, now);
    return true;
  });
}

// --- signed words --------------------------------------------------------------------------------

void Swim::on_statement(const Member& sender, const StatementMessage& message, Instant now) {
  // What is not new costs no verification.
  auto claimed = decode_statement(message.statement);
  if (!claimed) {
    ++counters_.refused_statements;
    return;
  }
  const bool is_own = claimed->identity == self_;
  Member* const member = is_own ? nullptr : members_.find(claimed->identity);
  if (!is_own && member == nullptr) return;
  const std::uint64_t held = is_own ? own_statement_->incarnation : member->incarnation;
  if (claimed->incarnation <= held || !spend_verification(now)) return;
  const SharedStatement statement = authority_.admit_statement(message.kind, message.statement);
  if (statement == nullptr) {
    ++counters_.refused_statements;
    return;
  }
  if (is_own) {
    on_own_statement(statement->incarnation, now);
    return;
  }
  take_statement(*member, statement, now);
  push_news({NewsTopic::Kind::statement, member->identity, {}},
            StatementMessage{statement->kind, statement->bytes}, now);
  if (statement->record_version > member->record->version) {
    send(sender.identity, WantMessage{{member->identity}});
  }
}

// One above what was held: it refutes whatever was said before.
void Swim::take_statement(Member& member, const SharedStatement& statement, Instant now) {
  member.incarnation = statement->incarnation;
  member.statement = statement;
  queue_.drop_accusations(member.identity);
  change_state(member,
               statement->kind == StatementKind::leave ? MemberState::left : MemberState::alive,
               now);
}

// Ours, and above what we have signed: an earlier life that the disk has forgotten, or another node
// with our key.
void Swim::on_own_statement(std::uint64_t incarnation, Instant now) {
  if (foreign_since_.is_never() || now - foreign_since_ > kForeignWithin) {
    foreign_since_ = now;
    foreign_statements_ = 0;
  }
  if (++foreign_statements_ == kForeignStatements) actions_.emplace_back(DuplicateIdentity{});
  if (foreign_statements_ < kForeignStatements && raise_incarnation(incarnation)) {
    push_own_statement(now);
  }
}

bool Swim::raise_incarnation(std::uint64_t above) {
  const auto incarnation = authority_.next_incarnation(above);
  if (!incarnation) return false;
  const SharedStatement statement =
      authority_.sign_statement(StatementKind::alive, own_record_->version, *incarnation);
  if (statement == nullptr) return false;
  own_statement_ = statement;
  return true;
}

void Swim::on_record(const RecordMessage& message, Instant now) {
  auto claimed = decode_record(message.record);
  if (!claimed) {
    ++counters_.refused_records;
    return;
  }
  if (claimed->identity == self_) {
    if (claimed->version <= own_record_->version || !spend_verification(now)) return;
    const SharedRecord record = authority_.admit_record(message.record, message.certificates);
    if (record != nullptr) actions_.emplace_back(OwnRecordOutdated{record->version});
    return;
  }
  const Member* const member = members_.find(claimed->identity);
  if (member != nullptr && claimed->version <= member->record->version) return;
  if (!spend_verification(now)) return;
  const SharedRecord record = authority_.admit_record(message.record, message.certificates);
  if (record == nullptr) {
    ++counters_.refused_records;
    return;
  }
  introduce(record, nullptr, true, now);
}

void Swim::on_revocation(const RevocationMessage& message, Instant now) {
  // Several may tell us the same list.
  if (authority_.knows_revocation(message.revocation) || !spend_revocation(now)) return;
  if (authority_.admit_revocation(message.revocation) == RevocationVerdict::fresh) {
    spread_revocation(message.revocation, now);
  }
}

void Swim::forget_expired(Instant now) {
  forget_at_ = now + kForgetInterval;
  std::vector<Identity> expired;
  for (const Member& member : members_.all()) {
    // Who answers is kept, and who did a moment ago: an expired record is its owner's clock or
    // ours.
    const bool answers = member.is_up() || now - member.state_since < kSilence;
    if (!answers && authority_.has_expired(*member.record)) expired.push_back(member.identity);
  }
  for (const Identity& identity : expired) remove(identity);
}

}  // namespace xm
