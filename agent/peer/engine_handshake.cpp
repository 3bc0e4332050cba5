// Handshake messages (drivers/net/wireguard/receive.c, wg_receive_handshake_packet(), and send.c).
// What does not authenticate is answered by nothing, but for a cookie reply under load.
#include <algorithm>
#include <utility>

#include "agent/peer/engine.hpp"

namespace xm {
namespace {

template <typename Message>
Bytes bytes_of(const Message& message) {
  return {reinterpret_cast<const std::uint8_t*>(&message), sizeof message};
}

// `datagram` has the size of a Message, whose alignment is 1.
template <typename Message>
const Message& view_as(Bytes datagram) {
  return *reinterpret_cast<const Message*>(datagram.data());
}

SendMessage make_send(Bytes message, std::uint8_t tos, PeerId peer, const PeerRoute& route) {
  SendMessage send;
  std::copy(message.begin(), message.end(), send.bytes.begin());
  send.length = static_cast<std::uint32_t>(message.size());
  send.tos = tos;
  send.peer = peer;
  send.route = route;
  return send;
}

PeerRoute route_to(const Source& source) {
  return {source.remote, source.local, source.interface_index};
}

}  // namespace

void Engine::on_handshake(Bytes datagram, const Source& source, HandshakeQueue queue,
                          const Moment& at) {
  const std::optional<MessageType> type = message_type(datagram);
  if (!type || *type == MessageType::data) return drops_.count(XM_DROP_malformed);
  if (!is_up_) return drops_.count(XM_DROP_interface_down);
  if (*type == MessageType::cookie_reply) {
    return on_cookie_reply(view_as<MessageCookieReply>(datagram), at.now);
  }
  if (!passes_cookie_check(datagram, source, queue, at.now)) return;
  if (*type == MessageType::initiation) {
    on_initiation(view_as<MessageInitiation>(datagram), source, at);
  } else {
    on_response(view_as<MessageResponse>(datagram), source, at);
  }
  reclaim(at.now);
}

// Everything here costs less than a Diffie-Hellman.
bool Engine::passes_cookie_check(Bytes datagram, const Source& source, HandshakeQueue queue,
                                 Instant now) {
  const bool is_under_load = load_.is_under_load(queue.waiting, queue.capacity, now);
  if (!local_.is_set() || !cookie_checker_.mac1_is_valid(datagram)) {
    drops_.count(XM_DROP_handshake_bad_mac1);
    return false;
  }
  if (!is_under_load) return true;
  if (!cookie_checker_.mac2_is_valid(datagram, source.remote, now)) {
    drops_.count(XM_DROP_handshake_no_cookie);
    const MessageCookieReply reply = cookie_checker_.make_reply(datagram, source.remote, now);
    actions_.emplace_back(make_send(bytes_of(reply), 0, 0, route_to(source)));
    return false;
  }
  if (!limiter_.allow(source.remote.address, now)) {
    drops_.count(XM_DROP_handshake_rate_limited);
    return false;
  }
  return true;
}

void Engine::on_initiation(const MessageInitiation& message, const Source& source,
                           const Moment& at) {
  std::optional<IdentifiedInitiation> identified = identify_initiation(local_, message);
  if (!identified) return drops_.count(XM_DROP_handshake_invalid);
  const auto known = by_key_.find(identified->remote_key());
  if (known == by_key_.end()) return drops_.count(XM_DROP_handshake_unknown_peer);
  PeerRecord& peer = *known->second;
  std::optional<AuthenticInitiation> authentic = std::move(*identified).authenticate(peer.remote);
  if (!authentic) return drops_.count(XM_DROP_handshake_invalid);
  switch (peer.timestamp_guard.accept(authentic->timestamp(), at.now)) {
    case TimestampVerdict::replayed:
      return drops_.count(XM_DROP_handshake_replayed);
    case TimestampVerdict::too_frequent:
      return drops_.count(XM_DROP_handshake_too_frequent);
    case TimestampVerdict::fresh:
      break;
  }

  const std::uint32_t index = indices_.reserve(random_, peer.id());
  std::optional<CreatedResponse> response =
      std::move(*authentic).respond(peer.remote, index, random_);
  if (!response) {
    indices_.release(index);
    return drops_.count(XM_DROP_handshake_invalid);
  }
  note_arrival(peer, sizeof message, source, at.now);
  peer.keypairs.add_answered(std::move(response->keys), at.now);  // before the response leaves
  peer.timers.session_derived(at.now);
  peer.cookies.sign(response->message, at.now);
  send_message(peer, bytes_of(response->message), at.now);
  rearm(peer, at.now);
}

void Engine::on_response(const MessageResponse& message, const Source& source, const Moment& at) {
  const std::uint32_t index = load_le32(message.receiver_index);
  const std::optional<PeerId> owner = indices_.owner(index);
  PeerRecord* const peer = owner ? find(*owner) : nullptr;
  if (peer == nullptr || !peer->pending.is_pending() || peer->pending.local_index() != index) {
    return drops_.count(XM_DROP_handshake_unexpected);
  }
  std::optional<TransportKeys> keys = peer->pending.consume(local_, peer->remote, message);
  if (!keys) return drops_.count(XM_DROP_handshake_invalid);

  note_arrival(*peer, sizeof message, source, at.now);
  // Any order of the two keys would do: it only has to be the same on both sides.
  const bool prevails = local_.public_key > peer->remote.key;
  peer->keypairs.add_initiated(std::move(*keys), at.now, prevails);
  peer->timers.session_derived(at.now);
  session_ready(*peer, true, at);
  rearm(*peer, at.now);
}

void Engine::on_cookie_reply(const MessageCookieReply& message, Instant now) {
  const std::optional<PeerId> owner = indices_.owner(load_le32(message.receiver_index));
  PeerRecord* const peer = owner ? find(*owner) : nullptr;
  if (peer == nullptr || !peer->cookies.consume(message, now)) {
    drops_.count(XM_DROP_handshake_unexpected);
  }
}

// An authentic handshake message: it moves the endpoint and counts as a packet from the peer.
void Engine::note_arrival(PeerRecord& peer, std::size_t length, const Source& source, Instant now) {
  set_route(peer, route_to(source));
  peer.shared->activity.received(now);
  peer.shared->received_bytes.fetch_add(length, std::memory_order_relaxed);
}

void Engine::send_message(PeerRecord& peer, Bytes message, Instant now) {
  peer.last_handshake_sent = now;
  peer.shared->activity.sent(now);
  peer.shared->sent_bytes.fetch_add(message.size(), std::memory_order_relaxed);
  actions_.emplace_back(make_send(message, kHandshakeTos, peer.id(), peer.route));
}

// Packets, or a keepalive, ask for a session that has not been agreed yet or is due for renewal.
void Engine::want_handshake(PeerRecord& peer, const Moment& at) {
  if (peer.keypairs.wants_handshake(at.now)) {
    peer.timers.restart_attempts();
    initiate(peer, at);
  }
  // While attempts go on the packet path need not ask again.
  peer.shared->activity.handshake_wanted.store(peer.timers.handshake_is_underway());
}

// Does nothing where no handshake is possible: without a key or an endpoint, or with a peer whose
// key is a point of low order.
void Engine::initiate(PeerRecord& peer, const Moment& at) {
  if (!is_up_ || !local_.is_set() || !peer.route.is_set()) return;
  if (!peer.last_handshake_sent.is_never()) {
    const Instant earliest = peer.last_handshake_sent + kRekeyTimeout;
    if (at.now < earliest) return peer.timers.handshake_put_off(earliest);
  }

  clear_pending(peer);
  const std::uint32_t index = indices_.reserve(random_, peer.id());
  std::optional<MessageInitiation> message =
      peer.pending.create(local_, peer.remote, index, peer.timestamps.next(at.wall), random_);
  if (!message) return indices_.release(index);
  peer.cookies.sign(*message, at.now);
  send_message(peer, bytes_of(*message), at.now);
  peer.timers.handshake_initiated(at.now);
}

void Engine::clear_pending(PeerRecord& peer) {
  if (!peer.pending.is_pending()) return;
  indices_.release(peer.pending.local_index());
  peer.pending.clear();
}

}  // namespace xm
