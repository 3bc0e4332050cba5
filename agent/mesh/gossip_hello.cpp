// The way to a session. The one that greets knows whom, or at least whose organisation:
//
//   hello            →   mac, cookie, limits, queue; is the sender a member?
//                    ←   answer: our boot id, sealed for the two of us; their challenge comes back,
//                        ours goes out
//   sealed (echo)    →   the session is proved, and so is the address
//
// A short hello has no record: for those who know each other. Who does not says `stale`, and gets
// the full one.
#include <algorithm>
#include <utility>

#include "agent/crypto/x25519.hpp"
#include "agent/mesh/gossip.hpp"

namespace xm {
namespace {

constexpr Duration kFirstRepeat = 500ms;
constexpr Duration kLastRepeat = 8s;
// After so many without an answer the hello waits until something is to be sent again.
constexpr unsigned kRepeats = 4;
constexpr Duration kChallengeLife = 5s;
constexpr std::size_t kMaxContacts = 16;
constexpr Duration kOtherBootLately = 10s;
constexpr Duration kDuplicateWithin = 60s;
constexpr Duration kDuplicateQuiet = 60s;

Duration repeat_after(unsigned tries) {
  return std::min<Duration>(kFirstRepeat * (1U << std::min(tries, 10U)), kLastRepeat);
}

}  // namespace

// --- as the one greeted --------------------------------------------------------------------------

void Gossip::on_hello(Bytes datagram, const Endpoint& source, Instant now) {
  const auto hello = parse_hello(datagram);
  if (!hello || hello->sender == self_) {
    ++counters_.malformed;
    return;
  }
  switch (guard_.admit(datagram, *hello, source, now)) {
    case HelloGuard::Verdict::queued:
      break;
    case HelloGuard::Verdict::wants_cookie: {
      ++counters_.wanted_cookie;
      const Key mac_key = envelope_mac_key(mesh_, MacAudience::identity, hello->sender.key);
      send_datagram(source,
                    write_cookie({hello->challenge, guard_.cookie_for(source, now)}, mac_key));
      return;
    }
    case HelloGuard::Verdict::rate_limited:
      ++counters_.rate_limited;
      return;
    case HelloGuard::Verdict::queue_full:
      ++counters_.queue_full;
      return;
  }
  while (const auto waiting = guard_.next(now))
    answer_hello(waiting->datagram, waiting->source, now);
}

void Gossip::answer_hello(Bytes datagram, const Endpoint& source, Instant now) {
  const auto hello = parse_hello(datagram);
  if (!hello) return;
  SharedRecord record;
  if (!hello->record.empty()) {
    record = admit(hello->sender, hello->record, hello->certificates);
    if (record == nullptr) {
      ++counters_.not_a_member;
      return;
    }
  } else if (swim_.members().find(hello->sender) == nullptr) {
    ++counters_.unknown_sender;
    send_stale(datagram, hello->sender, source, now);
    return;
  }
  Peer& peer = peer_of(hello->sender);
  if (!make_shared(peer)) return;
  if (record != nullptr) peer.record = record;
  const bool is_current = peer.current && peer.current->peer_boot() == hello->boot;
  const bool is_pending = peer.pending && peer.pending->peer_boot() == hello->boot;
  if (!is_current && !is_pending) peer.pending.emplace(session_with(peer, hello->boot));
  const GossipSession& session = is_current ? *peer.current : *peer.pending;

  AnswerBody body;
  body.challenge = guard_.challenge_for(peer.identity, source, now);
  body.knows_other_boot = peer.current && !is_current && now - peer.heard_at < kOtherBootLately;
  if (!hello->record.empty()) {
    body.record = own_record_->record;
    body.certificates = own_record_->certificates;
  }
  HelloAnswer answer{self_, boot_, hello->challenge, next_counter_++, {}};
  const auto sealed = session.seal_answer(answer, write_answer_body(body, datagram.size()));
  answer.sealed = sealed;
  send_datagram(source, write_answer(answer, peer.mac_key));
}

// A record that is held already costs nothing.
SharedRecord Gossip::admit(const Identity& sender, Bytes record, Bytes certificates) {
  const Member* const member = swim_.members().find(sender);
  if (member != nullptr && std::equal(record.begin(), record.end(), member->record->record.begin(),
                                      member->record->record.end())) {
    return member->record;
  }
  SharedRecord admitted = authority_.admit_record(record, certificates);
  return admitted != nullptr && admitted->identity == sender ? admitted : nullptr;
}

void Gossip::send_stale(Bytes datagram, const Identity& sender, const Endpoint& source,
                        Instant now) {
  if (!stale_limit_.allow(source.address, now)) return;
  const Key mac_key = envelope_mac_key(mesh_, MacAudience::identity, sender.key);
  send_datagram(source, write_stale(envelope_mac(datagram), mac_key));
}

// --- as the one that greets ----------------------------------------------------------------------

void Gossip::contact(const Identity& identity, const Endpoint& endpoint, Instant now) {
  if (identity == self_) return;
  Peer& peer = peer_of(identity);
  try_first(peer, endpoint);
  peer.wants_join = true;
  peer.greeting.tries = 0;
  greet(peer, now);
}

void Gossip::contact_organisation(const VerifyKey& organisation, const Endpoint& endpoint,
                                  Instant now) {
  const auto same = [&](const OrganisationContact& contact) {
    return contact.organisation == organisation && contact.endpoint == endpoint;
  };
  auto contact = std::find_if(contacts_.begin(), contacts_.end(), same);
  if (contact == contacts_.end()) {
    if (contacts_.size() == kMaxContacts) contacts_.erase(contacts_.begin());
    contacts_.push_back({organisation, endpoint, {}, {}, {}});
    contact = std::prev(contacts_.end());
  }
  greet_organisation(*contact, now);
}

void Gossip::greet_organisation(OrganisationContact& contact, Instant now) {
  random_.fill(contact.challenge);
  contact.sent_at = now;
  const Hello hello{self_,
                    boot_,
                    contact.challenge,
                    contact.cookie,
                    own_record_->record,
                    own_record_->certificates};
  const Key mac_key = envelope_mac_key(mesh_, MacAudience::organisation, contact.organisation);
  send_datagram(contact.endpoint, write_hello(hello, mac_key));
}

void Gossip::greet(Peer& peer, Instant now) {
  Greeting& greeting = peer.greeting;
  greeting.again_at = std::max(greeting.again_at, quiet_until_);
  if (now < greeting.again_at) return;
  greeting.again_at = now + repeat_after(greeting.tries);
  // Where it was last; when that is in vain, or unknown, also one place after the other where it
  // may be.
  const bool is_first = greeting.tries == 0;
  const Endpoint last = peer.endpoint;
  const Endpoint candidate = last.is_set() && is_first ? Endpoint{} : next_candidate(peer);
  if (last.is_set()) greet_at(peer, last, now);
  if (candidate.is_set() && candidate != last) greet_at(peer, candidate, now);
  if (last.is_set() || candidate.is_set()) ++greeting.tries;
}

// Greetings that go to several places at once have one challenge: whichever is answered counts.
void Gossip::greet_at(Peer& peer, const Endpoint& to, Instant now) {
  if (now < quiet_until_) return;
  Greeting& greeting = peer.greeting;
  if (greeting.challenged_at.is_never() || now - greeting.challenged_at > kChallengeLife) {
    random_.fill(greeting.challenge);
    greeting.challenged_at = now;
  }
  greeting.was_full = peer.wants_full || swim_.members().find(peer.identity) == nullptr;
  Hello hello{self_, boot_, greeting.challenge, greeting.cookie, {}, {}};
  if (greeting.was_full) {
    hello.record = own_record_->record;
    hello.certificates = own_record_->certificates;
  }
  auto datagram = write_hello(hello, peer.mac_key);
  const Bytes mac = envelope_mac(datagram);
  std::copy(mac.begin(), mac.end(), peer.last_mac.begin());
  send_datagram(to, std::move(datagram));
  if (!std::exchange(greeting.is_underway, true)) greeted_.push_back(peer.identity);
}

void Gossip::repeat_greetings(Instant now) {
  std::vector<Identity> due;
  std::erase_if(greeted_, [&](const Identity& identity) {
    Peer* const peer = find(identity);
    if (peer == nullptr || !peer->greeting.is_underway) return true;
    if (peer->greeting.again_at > now) return false;
    peer->greeting.is_underway = peer->greeting.tries < kRepeats;
    if (peer->greeting.is_underway) due.push_back(identity);
    return !peer->greeting.is_underway;
  });
  for (const Identity& identity : due) {
    if (Peer* const peer = find(identity)) greet(*peer, now);
  }
}

void Gossip::on_answer(Bytes datagram, const Endpoint& source, Instant now) {
  const auto answer = parse_answer(datagram);
  if (!answer) {
    ++counters_.malformed;
    return;
  }
  Peer* const peer = find(answer->sender);
  const bool is_expected = peer != nullptr && peer->greeting.is_underway &&
                           equal_constant_time(peer->greeting.challenge, answer->echo);
  if (is_expected) {
    if (auto opened = open_answer(*peer, *answer, now)) {
      begin_session(*peer, std::move(*opened), source, now);
    }
    return;
  }
  OrganisationContact* const contact = find_contact(answer->echo);
  if (contact == nullptr || answer->sender == self_) {
    ++counters_.unexpected;
    return;
  }
  random_.fill(contact->challenge);  // one answer each
  on_contact_answer(*answer, source, now);
}

// From whom is what it says, and anybody may say so: nothing is kept before it has proved it.
void Gossip::on_contact_answer(const HelloAnswer& answer, const Endpoint& source, Instant now) {
  Peer stranger;
  stranger.identity = answer.sender;
  auto opened = open_answer(stranger, answer, now);
  if (!opened) return;
  Peer& peer = peer_of(answer.sender);
  peer.shared = std::move(stranger.shared);
  peer.wants_join = true;
  begin_session(peer, std::move(*opened), source, now);
}

// Nothing unless it is authentic and its sender a member, by now.
std::optional<Gossip::OpenedAnswer> Gossip::open_answer(Peer& peer, const HelloAnswer& answer,
                                                        Instant now) {
  if (!make_shared(peer)) return std::nullopt;
  GossipSession session = session_with(peer, answer.boot);
  const auto plaintext = session.open_answer(answer);
  const auto body = plaintext ? parse_answer_body(*plaintext) : std::nullopt;
  if (!body) {
    ++counters_.bad_tag;
    return std::nullopt;
  }
  if (!body->record.empty()) {
    const SharedRecord record = admit(peer.identity, body->record, body->certificates);
    if (record == nullptr) {
      ++counters_.not_a_member;
      return std::nullopt;
    }
    swim_.introduce(record, nullptr, true, now);
  }
  if (swim_.members().find(peer.identity) == nullptr) return std::nullopt;
  return OpenedAnswer{std::move(session), body->challenge, body->knows_other_boot};
}

void Gossip::begin_session(Peer& peer, OpenedAnswer opened, const Endpoint& source, Instant now) {
  if (opened.knows_other_boot && peer.had_session) reported_duplicate(now);
  const bool is_new_life = !peer.current || peer.current->peer_boot() != opened.session.peer_boot();
  peer.current.emplace(std::move(opened.session));
  peer.pending.reset();
  peer.had_session = true;
  peer.wants_full = false;
  peer.greeting = {};
  peer.heard_at = now;
  peer.unheard_since = {};
  set_endpoint(peer, source);

  // The echo proves our address to them; it goes first, and alone if nothing waits.
  ByteWriter out;
  write_message(out, EchoMessage{opened.challenge});
  seal_and_send(peer, source, out.written(), now);
  for (const auto& payload : std::exchange(peer.waiting, {})) {
    seal_and_send(peer, source, payload, now);
  }
  if (std::exchange(peer.wants_join, false)) swim_.join(peer.identity, now);
  actions_.emplace_back(SessionBegan{peer.identity, is_new_life});
}

void Gossip::on_cookie(Bytes datagram, Instant now) {
  const auto cookie = parse_cookie(datagram);
  if (!cookie) {
    ++counters_.malformed;
    return;
  }
  for (const Identity& identity : greeted_) {
    Peer* const peer = find(identity);
    if (peer == nullptr || !equal_constant_time(peer->greeting.challenge, cookie->echo)) continue;
    peer->greeting.cookie = cookie->cookie;
    peer->greeting.again_at = now;
    greet(*peer, now);
    return;
  }
  if (OrganisationContact* const contact = find_contact(cookie->echo)) {
    contact->cookie = cookie->cookie;
    greet_organisation(*contact, now);
    return;
  }
  ++counters_.unexpected;
}

// Of what we sent it, the other understood nothing: it has begun another life, or does not know us.
void Gossip::on_stale(Bytes datagram, const Endpoint& source, Instant now) {
  const auto answered = parse_stale(datagram);
  if (!answered) {
    ++counters_.malformed;
    return;
  }
  const auto is_answered = [&](const auto& entry) {
    return equal_constant_time(entry.second.last_mac, *answered);
  };
  const auto found = std::find_if(peers_.begin(), peers_.end(), is_answered);
  if (found == peers_.end()) {
    ++counters_.unexpected;
    return;
  }
  Peer& peer = found->second;
  peer.last_mac = {};  // one answer each
  peer.wants_full = peer.wants_full || peer.greeting.is_underway;
  // A member that is back need not wait for the pause of one that did not answer.
  peer.greeting.again_at = std::min(peer.greeting.again_at, now);
  if (peer.endpoint != source) try_first(peer, source);
  greet(peer, now);
}

// --- both ----------------------------------------------------------------------------------------

bool Gossip::make_shared(Peer& peer) const {
  if (peer.shared) return true;
  const auto key = peer.identity.wireguard_key();
  if (!key) return false;
  peer.shared = shared_secret(private_key_, *key);
  return peer.shared.has_value();
}

GossipSession Gossip::session_with(const Peer& peer, const BootId& boot) const {
  return {*peer.shared, {mesh_, self_, peer.identity, boot_, boot}};
}

Gossip::OrganisationContact* Gossip::find_contact(const Challenge& echo) {
  for (OrganisationContact& contact : contacts_) {
    if (!contact.sent_at.is_never() && equal_constant_time(contact.challenge, echo)) {
      return &contact;
    }
  }
  return nullptr;
}

// Two reports, so that one liar cannot silence us.
void Gossip::reported_duplicate(Instant now) {
  if (!reported_at_.is_never() && now - reported_at_ < kDuplicateWithin) {
    quiet_until_ = now + kDuplicateQuiet;
    actions_.emplace_back(DuplicateIdentity{});
  }
  reported_at_ = now;
}

}  // namespace xm
