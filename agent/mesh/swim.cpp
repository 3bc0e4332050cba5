#include "agent/mesh/swim.hpp"

#include <algorithm>
#include <utility>

#include "agent/mesh/digest.hpp"

namespace xm {
namespace {

constexpr Duration kForgetInterval = 60s;
// A tenth of a second's worth of signatures may be checked in a row.
constexpr Duration kVerificationBurst = 100ms;

Duration random_part(Random& random, Duration whole) {
  return Duration(static_cast<std::int64_t>(
      random_below(random, static_cast<std::uint64_t>(std::max<std::int64_t>(whole.count(), 1)))));
}

}  // namespace

std::string_view member_change_name(MemberChange change) {
  constexpr std::string_view kNames[] = {"joined", "alive",  "suspect",  "dead",
                                         "left",   "record", "forgotten"};
  return kNames[static_cast<std::size_t>(change)];
}

Swim::Swim(const Identity& self, const SwimOptions& options, Authority& authority, Random& random)
    : self_(self),
      options_(options),
      authority_(authority),
      random_(random),
      members_(random, options.max_members),
      own_statement_(std::make_shared<HeldStatement>()) {}

bool Swim::start(SharedRecord own_record, Instant now) {
  own_record_ = std::move(own_record);
  if (!raise_incarnation(0)) return false;
  // Nodes that start together do not probe together.
  period_at_ = now + random_part(random_, options_.period);
  digest_at_ = now + random_part(random_, options_.digest_interval);
  dead_probe_at_ = now + random_part(random_, options_.dead_probe_interval);
  forget_at_ = now + kForgetInterval;
  return true;
}

void Swim::set_own_record(SharedRecord record, Instant now) {
  own_record_ = std::move(record);
  push_news({NewsTopic::Kind::record, self_, {}},
            RecordMessage{own_record_->record, own_record_->certificates}, now);
}

bool Swim::introduce(const SharedRecord& record, const SharedStatement& statement, bool is_news,
                     Instant now) {
  if (record->identity == self_) return false;
  Member* member = members_.find(record->identity);
  const bool is_new = member == nullptr;
  if (is_new) {
    member = members_.add(record->identity, record, now);
    if (member == nullptr) {
      ++counters_.table_full;
      return false;
    }
  }
  if (statement != nullptr && statement->incarnation > member->incarnation) {
    take_statement(*member, statement, now);
  }
  if (!is_new && record->version <= member->record->version) return true;
  member->record = record;
  actions_.emplace_back(
      MemberChanged{member->identity, is_new ? MemberChange::joined : MemberChange::record});
  if (is_news) {
    push_news({NewsTopic::Kind::record, member->identity, {}},
              RecordMessage{record->record, record->certificates}, now);
  }
  return true;
}

void Swim::join(const Identity& through, Instant now) {
  if (members_.find(through) == nullptr) return;
  ByteWriter out;
  write_message(out, RecordMessage{own_record_->record, own_record_->certificates});
  write_message(out, StatementMessage{own_statement_->kind, own_statement_->bytes});
  actions_.emplace_back(SendPayload{through, {}, out.take()});
  joining_ = {true, through, 0, 0, now};
  ask_for_table(now);
}

void Swim::remove(const Identity& identity) {
  if (members_.find(identity) == nullptr) return;
  queue_.drop_accusations(identity);
  members_.remove(identity);
  actions_.emplace_back(MemberChanged{identity, MemberChange::forgotten});
}

void Swim::leave(Instant now) {
  const auto incarnation = authority_.next_incarnation(own_statement_->incarnation);
  if (!incarnation) return;
  const SharedStatement farewell =
      authority_.sign_statement(StatementKind::leave, own_record_->version, *incarnation);
  if (farewell == nullptr) return;
  own_statement_ = farewell;
  push_own_statement(now);
  gossip(now);
  has_left_ = true;
}

void Swim::spread_revocation(Bytes revocation, Instant now) {
  // A revocation is its own topic: what it is about only the authority knows. Its last bytes are a
  // signature, which no two share.
  Identity topic;
  const Bytes last = revocation.last(std::min<std::size_t>(revocation.size(), topic.key.size()));
  std::copy(last.begin(), last.end(), topic.key.begin());
  push_news({NewsTopic::Kind::revocation, topic, {}}, RevocationMessage{revocation}, now);
}

void Swim::receive(const Identity& from, const GossipSource& source, Bytes payload, Instant now) {
  if (has_left_) return;
  const auto messages = parse_messages(payload);
  if (!messages) {
    ++counters_.malformed;
    return;
  }
  for (const GossipMessage& message : *messages) {
    // Looked up each time: a message before may have moved or removed the sender.
    Member* const sender = members_.find(from);
    // A joiner's first payload carries the record that makes it known.
    if (sender == nullptr && !std::holds_alternative<RecordMessage>(message)) {
      ++counters_.unknown_sender;
      return;
    }
    if (sender == nullptr) {
      on_record(std::get<RecordMessage>(message), now);
      continue;
    }
    dispatch(*sender, source, message, now);
  }
  // Who is held dead has spoken.
  const Member* const sender = members_.find(from);
  if (sender != nullptr && sender->state == MemberState::dead) recheck(*sender, now);
}

void Swim::dispatch(Member& sender, const GossipSource& source, const GossipMessage& message,
                    Instant now) {
  struct Handler {
    Swim& swim;
    Member& sender;
    const GossipSource& source;
    Instant now;

    void operator()(const PingMessage& m) const { swim.on_ping(sender, source, m); }
    void operator()(const AckMessage& m) const { swim.on_ack(sender, m, now); }
    void operator()(const PingRequestMessage& m) const { swim.on_ping_request(sender, m, now); }
    void operator()(const RelayedAckMessage& m) const {
      swim.on_relayed_ack(sender.identity, m.number);
    }
    void operator()(const NackMessage& m) const { swim.on_nack(sender.identity, m.number); }
    void operator()(const AccusationMessage& m) const { swim.on_accusation(sender, m, now); }
    void operator()(const StatementMessage& m) const { swim.on_statement(sender, m, now); }
    void operator()(const RecordMessage& m) const { swim.on_record(m, now); }
    void operator()(const RevocationMessage& m) const { swim.on_revocation(m, now); }
    void operator()(const DigestMessage& m) const { swim.on_digest(sender, m); }
    void operator()(const EntriesMessage& m) const { swim.on_entries(sender, m); }
    void operator()(const WantMessage& m) const { swim.on_want(sender, m); }
    void operator()(const TableRequestMessage& m) const { swim.on_table_request(sender, m, now); }
    void operator()(const TableEndMessage& m) const { swim.on_table_end(sender, m, now); }
    void operator()(const RevocationsWantedMessage&) const {
      swim.actions_.emplace_back(RevocationsWanted{sender.identity});
    }
    // The session's own (gossip.hpp).
    void operator()(const EchoMessage&) const {}
    void operator()(const ChallengeMessage&) const {}
  };
  std::visit(Handler{*this, sender, source, now}, message);
}

void Swim::heard_answer(const Identity& from, Instant now) {
  Member* const member = members_.find(from);
  if (member != nullptr) answered(*member, now);
}

void Swim::on_timers(Instant now) {
  if (has_left_) return;
  if (probe_.is_active && probe_.second_at <= now) ask_helpers(now);
  if (period_at_ <= now) begin_period(now);
  if (relay_at_ <= now) expire_relays(now);
  if (refute_at_ <= now) refute(now);
  if (suspicion_at_ <= now) expire_suspicions(now);
  if (sweep_at_ <= now) sweep_one(now);
  if (dead_probe_at_ <= now) probe_dead_or_seed(now);
  if (digest_at_ <= now) send_digest(now);
  if (joining_.is_active && joining_.ask_at <= now) ask_for_table(now);
  if (forget_at_ <= now) forget_expired(now);
  if (gossip_at_ <= now) gossip(now);
}

Instant Swim::next_deadline() const {
  if (has_left_) return kFarFuture;
  return std::min({probe_.is_active ? probe_.second_at : kFarFuture, period_at_, relay_at_,
                   suspicion_at_, refute_at_, sweep_at_, dead_probe_at_, digest_at_,
                   joining_.is_active ? joining_.ask_at : kFarFuture, forget_at_, gossip_at_});
}

DigestEntry Swim::own_entry() const {
  return {self_, own_record_->version, own_statement_->incarnation};
}

void Swim::send(const Identity& to, const GossipMessage& message) {
  ByteWriter out;
  write_message(out, message);
  actions_.emplace_back(SendPayload{to, {}, out.take()});
}

// What leaves anyway carries news along.
void Swim::send_with_news(const Identity& to, ByteWriter out) {
  queue_.take(out, kMaxGossipPayload - out.size(), retransmit_limit(population()));
  actions_.emplace_back(SendPayload{to, {}, out.take()});
}

void Swim::push_news(const NewsTopic& topic, const GossipMessage& news, Instant now) {
  queue_.push(topic, news);
  if (gossip_at_ == kFarFuture) {
    gossip_at_ = std::max(now, gossiped_at_ + options_.gossip_interval);
  }
}

void Swim::push_own_statement(Instant now) {
  push_news({NewsTopic::Kind::statement, self_, {}},
            StatementMessage{own_statement_->kind, own_statement_->bytes}, now);
}

void Swim::gossip(Instant now) {
  gossiped_at_ = now;
  for (const Member* const peer : members_.draw_up(options_.gossip_peers, self_)) {
    if (queue_.empty()) break;
    send_with_news(peer->identity, {});
  }
  gossip_at_ = queue_.empty() ? kFarFuture : now + options_.gossip_interval;
}

void Swim::change_state(Member& member, MemberState state, Instant now) {
  if (member.state == state) return;
  members_.set_state(member, state, now);
  constexpr MemberChange kChanges[] = {MemberChange::alive, MemberChange::suspect,
                                       MemberChange::dead, MemberChange::left};
  actions_.emplace_back(MemberChanged{member.identity, kChanges[static_cast<std::size_t>(state)]});
}

bool Swim::spend_verification(Instant now) {
  return spend(verifications_paid_until_, options_.verifications_per_second, now);
}

// Who floods us with other signatures must not keep its own revocation from being looked at.
bool Swim::spend_revocation(Instant now) {
  return spend(revocations_paid_until_, options_.revocations_per_second, now);
}

bool Swim::spend(Instant& paid_until, std::int64_t per_second, Instant now) {
  const Duration cost(1'000'000'000 / per_second);
  const Instant paid = std::max(paid_until, now - kVerificationBurst) + cost;
  if (paid > now) {
    ++counters_.over_budget;
    return false;
  }
  paid_until = paid;
  return true;
}

}  // namespace xm
