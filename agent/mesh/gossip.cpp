#include "agent/mesh/gossip.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "agent/mesh/record.hpp"

namespace xm {
namespace {

constexpr std::size_t kMaxWaiting = 4;
// Silence that makes us ask whether the other still has our session.
constexpr Duration kUnheard = 1s;
constexpr std::uint8_t kEchoType = 17;
constexpr std::uint8_t kChallengeType = 18;

// The session's own messages stand first in a payload, if there are any.
struct SessionMessages {
  std::optional<Challenge> echo;
  std::optional<Challenge> challenge;
  Bytes rest;
};

SessionMessages split_payload(Bytes payload) {
  SessionMessages found{{}, {}, payload};
  while (found.rest.size() >= kChallengeMessageSize &&
         (found.rest[0] == kEchoType || found.rest[0] == kChallengeType)) {
    Challenge token;
    std::copy_n(found.rest.begin() + 1, kChallengeSize, token.begin());
    (found.rest[0] == kEchoType ? found.echo : found.challenge) = token;
    found.rest = found.rest.subspan(kChallengeMessageSize);
  }
  return found;
}

}  // namespace

Gossip::Gossip(const Identity& self, Key private_key, const GossipOptions& options,
               Authority& authority, Random& random)
    : self_(self),
      private_key_(std::move(private_key)),
      mesh_(options.mesh),
      is_usable_(options.is_usable),
      authority_(authority),
      random_(random),
      swim_(self, options.swim, authority, random),
      guard_(random, options.hellos_per_second),
      stale_limit_(random),
      mac_key_(envelope_mac_key(options.mesh, MacAudience::identity, self.key)) {
  random.fill(boot_);
  set_organisations(options.organisations);
}

bool Gossip::start(SharedRecord own_record, Instant now) {
  own_record_ = own_record;
  return swim_.start(std::move(own_record), now);
}

void Gossip::receive(Bytes datagram, const Endpoint& source, Instant now) {
  const auto kind = envelope_kind(datagram);
  if (!kind) {
    ++counters_.malformed;
    return;
  }
  bool mac_holds = envelope_mac_holds(datagram, mac_key_);
  if (!mac_holds && *kind == EnvelopeKind::hello && datagram.size() == kFullHelloSize) {
    mac_holds = std::any_of(organisation_mac_keys_.begin(), organisation_mac_keys_.end(),
                            [&](const Key& key) { return envelope_mac_holds(datagram, key); });
  }
  if (!mac_holds) {
    ++counters_.bad_mac;
    return;
  }
  switch (*kind) {
    case EnvelopeKind::hello:
      on_hello(datagram, source, now);
      break;
    case EnvelopeKind::answer:
      on_answer(datagram, source, now);
      break;
    case EnvelopeKind::cookie:
      on_cookie(datagram, now);
      break;
    case EnvelopeKind::sealed:
      on_sealed(datagram, source, now);
      break;
    case EnvelopeKind::stale:
      on_stale(datagram, source, now);
      break;
  }
  pump(now);
}

// --- sealed datagrams ----------------------------------------------------------------------------

void Gossip::on_sealed(Bytes datagram, const Endpoint& source, Instant now) {
  const auto sealed = parse_sealed(datagram);
  if (!sealed) {
    ++counters_.malformed;
    return;
  }
  const auto known = by_hint_.find(sealed->sender_hint);
  Peer* const peer = known == by_hint_.end() ? nullptr : find(known->second);
  if (peer == nullptr) {
    ++counters_.unknown_sender;
    return;
  }
  const bool is_current = peer->current && peer->current->receiving_hint() == sealed->session_hint;
  const bool is_pending = peer->pending && peer->pending->receiving_hint() == sealed->session_hint;
  if (!is_current && !is_pending) {
    ++counters_.stale;
    send_stale(datagram, peer->identity, source, now);
    return;
  }
  const auto payload = (is_current ? peer->current : peer->pending)->open(*sealed);
  if (!payload) {
    ++counters_.bad_tag;
    return;
  }
  if (!is_current && !prove_pending(*peer, *payload, sealed->counter, source, now)) {
    ++counters_.no_echo;
    return;
  }
  on_authentic(*peer, *payload, source, datagram.size(), now);
}

// A replayed hello leads here with replayed datagrams; a fresh challenge they cannot have echoed.
bool Gossip::prove_pending(Peer& peer, Bytes payload, std::uint64_t counter, const Endpoint& source,
                           Instant now) {
  const SessionMessages messages = split_payload(payload);
  if (!messages.echo || !guard_.challenge_holds(*messages.echo, peer.identity, source, now)) {
    return false;
  }
  peer.current = std::move(peer.pending);
  peer.pending.reset();
  peer.current->begin_window(counter);
  peer.had_session = true;
  if (peer.record != nullptr) swim_.introduce(peer.record, nullptr, true, now);
  peer.record = nullptr;
  set_endpoint(peer, source);
  actions_.emplace_back(SessionBegan{peer.identity});
  return true;
}

void Gossip::on_authentic(Peer& peer, Bytes payload, const Endpoint& source, std::size_t size,
                          Instant now) {
  peer.heard_at = now;
  peer.unheard_since = {};
  const SessionMessages messages = split_payload(payload);
  if (messages.echo && guard_.challenge_holds(*messages.echo, peer.identity, source, now)) {
    on_echo(peer, source, now);
  }
  const Identity identity = peer.identity;
  const bool is_verified = peer.endpoint == source;
  allowance_ = is_verified ? 0 : size;
  if (messages.challenge) {
    ByteWriter out;
    write_message(out, EchoMessage{*messages.challenge});
    send_payload({identity, source, out.take()}, now);
  }
  if (!is_verified) challenge(peer, source, now);
  swim_.receive(identity, {source, is_verified}, messages.rest, now);
  pump(now);
  allowance_ = 0;
}

// --- sending -------------------------------------------------------------------------------------

void Gossip::send_payload(const SendPayload& payload, Instant now) {
  Peer& peer = peer_of(payload.to);
  if (payload.via.is_set() && payload.via != peer.endpoint) {
    const std::size_t size = payload.payload.size() + kSealedOverhead;
    if (!peer.current || size > allowance_) return;
    allowance_ -= size;
    seal_and_send(peer, payload.via, payload.payload, now);
    return;
  }
  if (!peer.current || !peer.endpoint.is_set()) {
    if (peer.waiting.size() == kMaxWaiting) peer.waiting.erase(peer.waiting.begin());
    peer.waiting.push_back(payload.payload);
    greet(peer, now);
    return;
  }
  if (peer.unheard_since.is_never()) {
    peer.unheard_since = now;
  } else if (now - peer.unheard_since >= kUnheard) {
    greet(peer, now);
  }
  seal_and_send(peer, peer.endpoint, payload.payload, now);
}

void Gossip::seal_and_send(Peer& peer, const Endpoint& to, Bytes payload, Instant) {
  auto datagram = peer.current->seal(self_, payload, next_counter_++, peer.mac_key);
  const Bytes mac = envelope_mac(datagram);
  std::copy(mac.begin(), mac.end(), peer.last_mac.begin());
  send_datagram(to, std::move(datagram));
}

void Gossip::send_datagram(const Endpoint& to, std::vector<std::uint8_t> bytes) {
  actions_.emplace_back(SendDatagram{to, std::move(bytes)});
}

// What SWIM wants done: payloads become datagrams, the rest is the owner's.
void Gossip::pump(Instant now) {
  for (SwimAction& action : swim_.take_actions()) {
    if (const auto* const payload = std::get_if<SendPayload>(&action)) {
      send_payload(*payload, now);
      continue;
    }
    if (const auto* const change = std::get_if<MemberChanged>(&action);
        change != nullptr && change->change == MemberChange::forgotten) {
      forget(change->identity);
    }
    std::visit(
        [this](auto& other) {
          if constexpr (!std::is_same_v<std::decay_t<decltype(other)>, SendPayload>) {
            actions_.emplace_back(other);
          }
        },
        action);
  }
}

// --- the other inputs ----------------------------------------------------------------------------

void Gossip::set_own_record(SharedRecord record, Instant now) {
  own_record_ = record;
  swim_.set_own_record(std::move(record), now);
  pump(now);
}

void Gossip::set_limits(std::size_t max_members, std::int64_t hellos_per_second) {
  swim_.set_max_members(max_members);
  guard_.set_pace(hellos_per_second);
}

void Gossip::set_organisations(const std::vector<VerifyKey>& organisations) {
  organisation_mac_keys_.clear();
  for (const VerifyKey& key : organisations) {
    organisation_mac_keys_.push_back(envelope_mac_key(mesh_, MacAudience::organisation, key));
  }
}

void Gossip::remove(const Identity& identity, Instant now) {
  swim_.remove(identity);
  forget(identity);
  pump(now);
}

void Gossip::spread_revocation(Bytes revocation, Instant now) {
  swim_.spread_revocation(revocation, now);
  pump(now);
}

void Gossip::tell_revocations(const Identity& to, const std::vector<Bytes>& revocations,
                              std::uint64_t number, Instant now) {
  ByteWriter page;
  const auto add = [&](const GossipMessage& message) {
    ByteWriter one;
    write_message(one, message);
    if (page.size() + one.size() > kMaxGossipPayload) send_payload({to, {}, page.take()}, now);
    page.bytes(one.written());
  };
  for (const Bytes revocation : revocations) add(RevocationMessage{revocation});
  if (number != 0) add(PingMessage{number});
  if (page.size() > 0) send_payload({to, {}, page.take()}, now);
}

void Gossip::want_revocations(const Identity& from, Instant now) {
  ByteWriter out;
  write_message(out, RevocationsWantedMessage{});
  send_payload({from, {}, out.take()}, now);
}

void Gossip::want_session(const Identity& identity, Instant now) {
  if (swim_.members().find(identity) == nullptr || has_session(identity)) return;
  Peer& peer = peer_of(identity);
  if (!peer.greeting.is_underway) peer.greeting.tries = 0;
  greet(peer, now);
}

void Gossip::leave(Instant now) {
  swim_.leave(now);
  pump(now);
}

void Gossip::on_timers(Instant now) {
  while (const auto waiting = guard_.next(now))
    answer_hello(waiting->datagram, waiting->source, now);
  swim_.on_timers(now);
  repeat_greetings(now);
  pump(now);
}

Instant Gossip::next_deadline() const {
  Instant next = std::min(swim_.next_deadline(), guard_.next_at());
  for (const Identity& identity : greeted_) {
    const auto peer = peers_.find(identity);
    if (peer != peers_.end()) next = std::min(next, peer->second.greeting.again_at);
  }
  return next;
}

bool Gossip::has_session(const Identity& identity) const {
  const auto peer = peers_.find(identity);
  return peer != peers_.end() && peer->second.current.has_value();
}

Instant Gossip::unheard_since(const Identity& identity) const {
  const auto peer = peers_.find(identity);
  return peer == peers_.end() ? Instant{} : peer->second.unheard_since;
}

bool Gossip::has_tried(const Identity& identity) const {
  const auto peer = peers_.find(identity);
  return peer != peers_.end() && peer->second.greeting.tries > 0;
}

Gossip::Peer* Gossip::find(const Identity& identity) {
  const auto peer = peers_.find(identity);
  return peer == peers_.end() ? nullptr : &peer->second;
}

void Gossip::forget(const Identity& identity) {
  const auto hinted = by_hint_.find(sender_hint(identity));
  if (hinted != by_hint_.end() && hinted->second == identity) by_hint_.erase(hinted);
  peers_.erase(identity);
}

Gossip::Peer& Gossip::peer_of(const Identity& identity) {
  if (Peer* const known = find(identity)) return *known;
  Peer& peer = peers_[identity];
  peer.identity = identity;
  peer.mac_key = envelope_mac_key(mesh_, MacAudience::identity, identity.key);
  by_hint_.try_emplace(sender_hint(identity), identity);  // who had it before keeps it
  if (const Member* const member = swim_.members().find(identity)) {
    if (auto record = decode_record(member->record->record)) peer.candidates = record->endpoints;
    if (is_usable_) std::erase_if(peer.candidates, [&](const auto& at) { return !is_usable_(at); });
  }
  return peer;
}

}  // namespace xm
