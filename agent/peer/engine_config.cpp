// Configuration (drivers/net/wireguard/netlink.c, wg_set_device() and set_peer()).
#include <utility>

#include "agent/peer/engine.hpp"

namespace xm {

Status Engine::apply(InterfaceChange change, const Moment& at) {
  if (change.private_key) set_private_key(std::move(*change.private_key));
  if (change.replace_peers) {
    while (!peers_.empty()) remove_peer(*peers_.begin()->second);
  }
  Status status;
  for (PeerChange& peer : change.peers) {
    status = apply_peer(peer, at);
    if (!status) break;
  }
  publish_changes(at);
  return status;
}

Status Engine::apply_peer(PeerChange& change, const Moment& at) {
  // One configuration may serve all members: an entry for ourselves is skipped, as the kernel does.
  if (local_.is_set() && change.public_key == local_.public_key) return {};
  const auto known = by_key_.find(change.public_key);
  PeerRecord* peer = known == by_key_.end() ? nullptr : known->second;
  if (change.remove) {
    if (peer != nullptr) remove_peer(*peer);
    return {};
  }
  if (peer == nullptr) {
    if (change.update_only) return {};
    Result<PeerRecord*> added = add_peer(change.public_key, at);
    if (!added) return added.error();
    peer = *added;
  }

  if (change.is_sought) peer->is_sought = *change.is_sought;
  if (change.preshared_key) peer->remote.preshared_key = std::move(*change.preshared_key);
  const bool had_endpoint = peer->route.is_set();
  if (change.endpoint) set_route(*peer, {*change.endpoint, IpAddress{}, 0});
  peer->shared->waits_for_path.store(peer->is_sought || peer->route.is_set());
  change_allowed_ips(*peer, change);
  if (change.persistent_keepalive) change_keepalive(*peer, *change.persistent_keepalive, at);
  const bool is_reachable_now = !had_endpoint && peer->route.is_set();
  if (is_up_ && is_reachable_now && peer->timers.persistent_keepalive() != 0) {
    send_keepalive(*peer, at);
  } else if (is_up_ && is_reachable_now && !peer->staged.is_empty()) {
    want_handshake(*peer, at);
  }
  rearm(*peer, at.now);
  return {};
}

Result<PeerRecord*> Engine::add_peer(const PublicKey& key, const Moment& at) {
  if (peers_.size() >= kMaxPeers) {
    return Error{"expected at most " + std::to_string(kMaxPeers) + " peers on an interface, " +
                     "remove some first",
                 ENOMEM};
  }
  const PeerId id = ++last_id_;
  auto peer = std::make_unique<PeerRecord>(id, RemoteStatic::from(local_, key, Key{}), random_,
                                           indices_, grace_);
  if (is_up_) peer->timers.interface_up(at.now);
  PeerRecord* const added = peer.get();
  by_key_.emplace(key, added);
  peers_.emplace(id, std::move(peer));
  return added;
}

void Engine::change_allowed_ips(PeerRecord& peer, const PeerChange& change) {
  if (change.replace_allowed_ips) allowed_ips_table_.remove_all(peer.shared.get());
  for (const Prefix& prefix : change.add_allowed_ips) {
    allowed_ips_table_.add(prefix, peer.shared.get());
  }
  for (const Prefix& prefix : change.remove_allowed_ips) {
    allowed_ips_table_.remove(prefix, peer.shared.get());
  }
  allowed_ips_changed_ = allowed_ips_changed_ || change.replace_allowed_ips ||
                         !change.add_allowed_ips.empty() || !change.remove_allowed_ips.empty();
}

// Switched on, it starts with a keepalive at once.
void Engine::change_keepalive(PeerRecord& peer, std::uint16_t seconds, const Moment& at) {
  const bool is_switched_on = peer.timers.persistent_keepalive() == 0 && seconds != 0;
  peer.timers.set_persistent_keepalive(seconds, at.now);
  if (is_switched_on && is_up_) send_keepalive(peer, at);
}

// No session and no handshake outlives the key it was made with.
void Engine::set_private_key(Key key) {
  LocalStatic local = LocalStatic::from(std::move(key));
  if (local.private_key == local_.private_key) return;
  local_ = std::move(local);
  cookie_checker_.set_local_key(local_.public_key);
  if (local_.is_set()) {
    const auto ourselves = by_key_.find(local_.public_key);
    if (ourselves != by_key_.end()) remove_peer(*ourselves->second);
  }
  to_rekey_.clear();
  for (const auto& [id, peer] : peers_) {
    if (!peer->keypairs.is_empty() || !peer->staged.is_empty() ||
        peer->timers.persistent_keepalive() != 0) {
      to_rekey_.push_back(id);
    }
    peer->remote =
        RemoteStatic::from(local_, peer->remote.key, std::move(peer->remote.preshared_key));
    clear_keys(*peer);
    peer->last_handshake_sent = {};
    peer->timers.handshake_cleared();
  }
}

void Engine::remove_peer(PeerRecord& peer) {
  const PeerId id = peer.id();
  purge_staged(peer, XM_DROP_staged_purged);
  clear_keys(peer);
  grace_.retire(std::unique_ptr<const SendPath>(peer.shared->path.exchange(nullptr)));
  allowed_ips_table_.remove_all(peer.shared.get());
  allowed_ips_changed_ = true;
  deadlines_.set(id, kFarFuture);
  by_key_.erase(peer.remote.key);
  removed_.push_back(std::move(peer.shared));
  peers_.erase(id);
  actions_.emplace_back(PeerRemoved{id});
}

// The packet path sees the whole change at once; then removed peers can go, and those that a new
// private key has left without a session get one.
void Engine::publish_changes(const Moment& at) {
  if (std::exchange(allowed_ips_changed_, false)) {
    grace_.retire(std::unique_ptr<const AllowedIps>(
        allowed_ips_.exchange(allowed_ips_table_.snapshot().release())));
  }
  for (std::unique_ptr<Peer>& peer : std::exchange(removed_, {})) grace_.retire(std::move(peer));
  for (const PeerId id : std::exchange(to_rekey_, {})) {
    PeerRecord* const peer = find(id);
    if (peer == nullptr || !is_up_) continue;
    want_handshake(*peer, at);
    rearm(*peer, at.now);
  }
  reclaim(at.now);
}

InterfaceView Engine::view() const {
  InterfaceView view;
  view.private_key = local_.private_key.clone();
  view.peers.reserve(peers_.size());
  for (const auto& [id, peer] : peers_) view.peers.push_back(view_of(*peer));
  return view;
}

std::optional<PeerId> Engine::find_id(const PublicKey& key) const {
  const auto known = by_key_.find(key);
  if (known == by_key_.end()) return std::nullopt;
  return known->second->id();
}

std::optional<PublicKey> Engine::public_key() const {
  if (!local_.is_set()) return std::nullopt;
  return local_.public_key;
}

std::vector<PeerSummary> Engine::summaries(std::size_t most) const {
  std::vector<PeerSummary> list;
  for (const auto& [id, peer] : peers_) {
    if (list.size() == most) break;
    list.push_back({.id = id,
                    .public_key = peer->remote.key,
                    .endpoint = peer->route.remote,
                    .received_bytes = peer->shared->received_bytes.load(std::memory_order_relaxed),
                    .sent_bytes = peer->shared->sent_bytes.load(std::memory_order_relaxed),
                    .last_handshake = peer->last_handshake});
  }
  return list;
}

PeerView Engine::view_of(const PeerRecord& peer) const {
  PeerView view;
  view.public_key = peer.remote.key;
  view.preshared_key = peer.remote.preshared_key.clone();
  view.endpoint = peer.route.remote;
  view.persistent_keepalive = peer.timers.persistent_keepalive();
  view.last_handshake = peer.last_handshake;
  view.sent_bytes = peer.shared->sent_bytes.load(std::memory_order_relaxed);
  view.received_bytes = peer.shared->received_bytes.load(std::memory_order_relaxed);
  const std::list<Prefix>& prefixes = allowed_ips_table_.of(peer.shared.get());
  view.allowed_ips.assign(prefixes.begin(), prefixes.end());
  return view;
}

}  // namespace xm
