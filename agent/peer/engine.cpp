#include "agent/peer/engine.hpp"

#include <algorithm>
#include <utility>

namespace xm {
namespace {

// How soon Grace is asked again for what a worker was still reading.
constexpr Duration kReclaimInterval = 20ms;

}  // namespace

Engine::Engine(Grace& grace, Random& random, DropCounters& drops)
    : grace_(grace),
      random_(random),
      drops_(drops),
      cookie_checker_(PublicKey{}, random),
      limiter_(random),
      indices_(grace) {
  allowed_ips_.exchange(new AllowedIps());
}

Engine::~Engine() {
  while (!peers_.empty()) remove_peer(*peers_.begin()->second);
  publish_changes({});
  delete allowed_ips_.exchange(nullptr);
}

void Engine::set_interface_up(bool up, const Moment& at) {
  if (up == is_up_) return;
  is_up_ = up;
  for (const auto& [id, peer] : peers_) {
    if (up) {
      peer->timers.interface_up(at.now);
      if (peer->timers.persistent_keepalive() != 0) send_keepalive(*peer, at);
    } else {
      purge_staged(*peer, XM_DROP_interface_down);
      clear_keys(*peer);
      peer->last_handshake_sent = {};
      peer->timers.interface_down();
    }
    rearm(*peer, at.now);
  }
  reclaim(at.now);
}

void Engine::clear_sources() {
  for (const auto& [id, peer] : peers_) forget_source(*peer);
}

void Engine::on_event(const PeerEvent& event, const Moment& at) {
  PeerRecord* const peer = find(event.peer);
  if (peer == nullptr) return;
  // Also while the interface is down: the worker has moved the path already.
  if (event.kind == PeerEventKind::endpoint_moved) {
    set_route(*peer, {event.source.remote, event.source.local, event.source.interface_index});
  }
  if (!is_up_) return peer->shared->activity.handshake_wanted.store(false);
  switch (event.kind) {
    case PeerEventKind::arm_timers:
    case PeerEventKind::endpoint_moved:
      break;
    case PeerEventKind::want_handshake:
      want_handshake(*peer, at);
      break;
    case PeerEventKind::session_confirmed:
      if (peer->keypairs.confirm(event.local_index)) session_ready(*peer, false, at);
      break;
  }
  rearm(*peer, at.now);
  reclaim(at.now);
}

void Engine::renew_session(PeerId id, const Moment& at) {
  PeerRecord* const peer = find(id);
  if (peer == nullptr || !peer->keypairs.can_send(at.now)) return;
  peer->timers.restart_attempts();
  initiate(*peer, at);
  rearm(*peer, at.now);
}

void Engine::stage(PeerId id, StagedPackets::Packet packet, const Moment& at) {
  PeerRecord* const peer = find(id);
  if (peer == nullptr) return drops_.count(XM_DROP_staged_purged);
  if (!is_up_) return drops_.count(XM_DROP_interface_down);
  drops_.count(XM_DROP_staged_overflow, peer->staged.push(std::move(packet)));
  if (peer->keypairs.can_send(at.now)) {  // it came while the packet was on its way to us
    actions_.emplace_back(FlushStaged{id});
    return;
  }
  if (!peer->route.is_set() && peer->is_sought) actions_.emplace_back(EndpointWanted{id});
  want_handshake(*peer, at);
  rearm(*peer, at.now);
}

StagedPackets::Packets Engine::take_staged(PeerId id) {
  PeerRecord* const peer = find(id);
  return peer == nullptr ? StagedPackets::Packets() : peer->staged.take();
}

void Engine::on_timers(const Moment& at) {
  while (const std::optional<PeerId> id = deadlines_.pop_due(at.now)) {
    PeerRecord& peer = *find(*id);  // a removed peer has no deadline
    expire(peer, at);
    rearm(peer, at.now);
  }
  reclaim(at.now);
}

Instant Engine::next_deadline() const {
  return std::min(deadlines_.next(), reclaim_at_);
}

void Engine::expire(PeerRecord& peer, const Moment& at) {
  const TimersDue due = peer.timers.expire(at.now);
  if (due.give_up_handshake) {
    purge_staged(peer, XM_DROP_staged_purged);
    peer.owes_keepalive = false;
    peer.shared->activity.handshake_wanted.store(false);
  }
  if (due.retransmit_handshake || due.new_handshake) {
    // Perhaps our address has changed and that is why nothing was heard.
    forget_source(peer);
    if (due.new_handshake) peer.timers.restart_attempts();
    initiate(peer, at);
  }
  if (due.keepalive) send_keepalive(peer, at);
  if (due.zero_keys) clear_keys(peer);
}

// Sets when the peer is to be looked at next. While packets have left marks, that is within the
// shortest time after which a mark can be due, whatever else they mark until then. While they have
// not, the first one to do so announces it: `timers_armed` is cleared for that before the marks are
// looked at again, or a mark set in between would wait for ever.
void Engine::rearm(PeerRecord& peer, Instant now) {
  std::atomic<bool>& armed = peer.shared->activity.timers_armed;
  armed.store(true, std::memory_order_seq_cst);
  if (peer.timers.is_up() && !peer.timers.has_marks()) {
    armed.store(false, std::memory_order_seq_cst);
    if (peer.timers.has_marks()) armed.store(true, std::memory_order_seq_cst);
  }
  Instant next = peer.timers.next_deadline();
  if (peer.timers.is_up() && armed.load(std::memory_order_seq_cst)) {
    next = std::min(next, now + kKeepaliveTimeout);
  }
  deadlines_.set(peer.id(), next);
}

void Engine::send_keepalive(PeerRecord& peer, const Moment& at) {
  if (peer.keypairs.can_send(at.now)) {
    peer.owes_keepalive = false;
    peer.shared->activity.sent(at.now);
    actions_.emplace_back(SendKeepalive{peer.id()});
    return;
  }
  peer.owes_keepalive = true;
  want_handshake(peer, at);
}

// There is a session to send under. The initiator sends something at once in any case, since that
// is what lets the other side send.
void Engine::session_ready(PeerRecord& peer, bool is_initiator, const Moment& at) {
  clear_pending(peer);
  peer.timers.handshake_complete();
  peer.last_handshake = at.wall;
  peer.shared->activity.handshake_wanted.store(false);
  if (!peer.staged.is_empty()) {
    peer.owes_keepalive = false;
    actions_.emplace_back(FlushStaged{peer.id()});
  } else if (is_initiator || peer.owes_keepalive) {
    send_keepalive(peer, at);
  }
}

void Engine::set_route(PeerRecord& peer, const PeerRoute& route) {
  if (peer.route == route) return;
  peer.route = route;
  peer.shared->waits_for_path.store(peer.is_sought || route.is_set());
  actions_.emplace_back(PathChanged{peer.id()});
}

void Engine::forget_source(PeerRecord& peer) {
  set_route(peer, {peer.route.remote, IpAddress{}, 0});
}

void Engine::purge_staged(PeerRecord& peer, xm_drop reason) {
  drops_.count(reason, peer.staged.take().size());
}

void Engine::clear_keys(PeerRecord& peer) {
  clear_pending(peer);
  peer.keypairs.clear();
  peer.owes_keepalive = false;
  peer.shared->activity.handshake_wanted.store(false);
}

void Engine::reclaim(Instant now) {
  reclaim_at_ = grace_.reclaim() == 0 ? kFarFuture : now + kReclaimInterval;
}

PeerRecord* Engine::find(PeerId peer) const {
  const auto found = peers_.find(peer);
  return found == peers_.end() ? nullptr : found->second.get();
}

Peer* Engine::find_peer(PeerId peer) const {
  const PeerRecord* const record = find(peer);
  return record == nullptr ? nullptr : record->shared.get();
}

PeerRoute Engine::route(PeerId peer) const {
  const PeerRecord* const record = find(peer);
  return record == nullptr ? PeerRoute{} : record->route;
}

void Engine::for_each_peer(const std::function<void(Peer&)>& visit) const {
  for (const auto& [id, peer] : peers_) visit(*peer->shared);
}

}  // namespace xm
