#include "agent/node_mesh_peers.hpp"

#include <algorithm>

#include "xdpmesh/log.hpp"

namespace xm {
namespace {

// While the data plane has heard a peer so lately, it knows better where that is.
constexpr Duration kDataIsFresh = 5s;

PeerChange change_of(const PublicKey& key) {
  PeerChange change;
  change.public_key = key;
  return change;
}

}  // namespace

void MeshPeers::apply(PeerChange change, const Moment& at) {
  InterfaceChange whole;
  whole.peers.push_back(std::move(change));
  if (Status applied = engine_.apply(std::move(whole), at); !applied) {
    log::error("mesh: " + applied.error().what);
  }
}

void MeshPeers::set_static(std::vector<PeerChange> peers, const Moment& at) {
  std::vector<PublicKey> keys;
  keys.reserve(peers.size());
  for (const PeerChange& peer : peers) keys.push_back(peer.public_key);
  for (const PublicKey& key : static_keys_) {
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
    PeerChange gone = change_of(key);
    gone.remove = true;
    apply(std::move(gone), at);
  }
  static_keys_ = std::move(keys);
  for (PeerChange& peer : peers) apply(std::move(peer), at);
}

std::vector<Identity> MeshPeers::follow(const MeshPlan& plan, const Moment& at) {
  // Who goes, goes first: its addresses may be another's now.
  std::erase_if(links_, [&](const auto& entry) {
    const Link& link = entry.second;
    const auto same = [&](const MeshPeer& peer) { return peer.identity == entry.first; };
    if (std::any_of(plan.peers.begin(), plan.peers.end(), same)) return false;
    by_peer_.erase(link.peer);
    PeerChange gone = change_of(link.as_planned.key);
    gone.remove = true;
    apply(std::move(gone), at);
    return true;
  });
  std::vector<Identity> added;
  for (const MeshPeer& peer : plan.peers) {
    const auto known = links_.find(peer.identity);
    if (known == links_.end()) {
      if (add(peer, at)) added.push_back(peer.identity);
    } else if (known->second.as_planned != peer) {
      known->second.as_planned = peer;
      PeerChange change = change_of(peer.key);
      change.replace_allowed_ips = true;
      change.add_allowed_ips = peer.allowed_ips;
      apply(std::move(change), at);
    }
  }
  return added;
}

bool MeshPeers::is_static(const PublicKey& key) const {
  return std::find(static_keys_.begin(), static_keys_.end(), key) != static_keys_.end();
}

bool MeshPeers::add(const MeshPeer& peer, const Moment& at) {
  if (is_static(peer.key)) return false;
  PeerChange change = change_of(peer.key);
  change.is_sought = true;
  change.replace_allowed_ips = true;
  change.add_allowed_ips = peer.allowed_ips;
  apply(std::move(change), at);
  const auto id = engine_.find_id(peer.key);
  if (!id) return false;
  links_.emplace(peer.identity, Link{*id, peer, 0, 0});
  by_peer_.emplace(*id, peer.identity);
  return true;
}

void MeshPeers::verified(const Identity& identity, const Endpoint& endpoint, const Moment& at) {
  const auto link = links_.find(identity);
  if (link == links_.end() || !endpoint.is_set()) return;
  const PeerRoute route = engine_.route(link->second.peer);
  if (route.remote == endpoint) return;
  const Peer* const peer = engine_.find_peer(link->second.peer);
  const Instant heard{peer == nullptr ? 0 : peer->activity.last_received.load()};
  if (route.is_set() && !heard.is_never() && at.now - heard < kDataIsFresh) return;
  use(identity, endpoint, at);
}

void MeshPeers::began(const Identity& identity, const Endpoint& endpoint, const Moment& at) {
  const auto link = links_.find(identity);
  if (link == links_.end() || !endpoint.is_set()) return;
  use(identity, endpoint, at);
  engine_.renew_session(link->second.peer, at);
}

void MeshPeers::shake_hands(const Identity& identity, const Moment& at) {
  const auto link = links_.find(identity);
  if (link == links_.end() || !engine_.route(link->second.peer).is_set()) return;
  engine_.on_event({link->second.peer, PeerEventKind::want_handshake, 0, {}}, at);
}

void MeshPeers::use(const Identity& identity, const Endpoint& endpoint, const Moment& at) {
  const auto link = links_.find(identity);
  if (link == links_.end() || engine_.route(link->second.peer).remote == endpoint) return;
  PeerChange change = change_of(link->second.as_planned.key);
  change.endpoint = endpoint;
  apply(std::move(change), at);
}

void MeshPeers::set_keepalive(const Identity& identity, std::uint16_t seconds, const Moment& at) {
  const auto link = links_.find(identity);
  if (link == links_.end() || link->second.keepalive == seconds) return;
  link->second.keepalive = seconds;
  PeerChange change = change_of(link->second.as_planned.key);
  change.persistent_keepalive = seconds;
  apply(std::move(change), at);
}

std::vector<Identity> MeshPeers::all() const {
  std::vector<Identity> identities;
  identities.reserve(links_.size());
  for (const auto& [identity, link] : links_) identities.push_back(identity);
  return identities;
}

std::vector<std::pair<Identity, Endpoint>> MeshPeers::take_heard() {
  std::vector<std::pair<Identity, Endpoint>> heard;
  for (auto& [identity, link] : links_) {
    const Peer* const peer = engine_.find_peer(link.peer);
    if (peer == nullptr) continue;
    const std::int64_t last = peer->activity.last_received.load(std::memory_order_relaxed);
    if (last == link.heard) continue;
    link.heard = last;
    heard.emplace_back(identity, engine_.route(link.peer).remote);
  }
  return heard;
}

std::optional<Identity> MeshPeers::identity_of(PeerId peer) const {
  const auto known = by_peer_.find(peer);
  if (known == by_peer_.end()) return std::nullopt;
  return known->second;
}

std::optional<PeerId> MeshPeers::find(const Identity& identity) const {
  const auto link = links_.find(identity);
  if (link == links_.end()) return std::nullopt;
  return link->second.peer;
}

}  // namespace xm
