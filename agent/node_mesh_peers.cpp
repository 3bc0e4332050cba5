#include "agent/node_mesh_peers.hpp"

#include <algorithm>
#include <iterator>

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
  std::vector<PeerChange> changes;
  changes.push_back(std::move(change));
  apply(std::move(changes), at);
}

void MeshPeers::apply(std::vector<PeerChange> changes, const Moment& at) {
  if (changes.empty()) return;
  InterfaceChange whole;
  whole.peers = std::move(changes);
  if (Status applied = engine_.apply(std::move(whole), at); !applied) {
    log::error("mesh: " + applied.error().what);
  }
}

void MeshPeers::set_static(std::vector<PeerChange> peers, const Moment& at) {
  std::vector<PublicKey> keys;
  keys.reserve(peers.size());
  for (const PeerChange& peer : peers) keys.push_back(peer.public_key);
  std::vector<PeerChange> changes;
  for (const PublicKey& key : static_keys_) {
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
    changes.push_back(change_of(key));
    changes.back().remove = true;
  }
  static_keys_ = std::move(keys);
  std::move(peers.begin(), peers.end(), std::back_inserter(changes));
  apply(std::move(changes), at);
}

// As one change, so that the packet path's table is made once, however many come together.
std::vector<Identity> MeshPeers::follow(const MeshPlan& plan, const Moment& at) {
  std::vector<PeerChange> changes;
  const auto is_planned = [&](const Identity& identity) {
    const auto found = std::lower_bound(
        plan.peers.begin(), plan.peers.end(), identity,
        [](const MeshPeer& peer, const Identity& wanted) { return peer.identity < wanted; });
    return found != plan.peers.end() && found->identity == identity;
  };
  // Who goes, goes first: its addresses may be another's now.
  std::erase_if(links_, [&](const auto& entry) {
    if (is_planned(entry.first)) return false;
    by_peer_.erase(entry.second.peer);
    changes.push_back(change_of(entry.second.as_planned.key));
    changes.back().remove = true;
    return true;
  });
  std::vector<const MeshPeer*> added;
  for (const MeshPeer& peer : plan.peers) {
    const auto known = links_.find(peer.identity);
    const bool is_new = known == links_.end();
    if (is_new ? is_static(peer.key) : known->second.as_planned == peer) continue;
    changes.push_back(change_of(peer.key));
    changes.back().is_sought = true;
    changes.back().replace_allowed_ips = true;
    changes.back().add_allowed_ips = peer.allowed_ips;
    if (is_new) {
      added.push_back(&peer);
    } else {
      known->second.as_planned = peer;
    }
  }
  apply(std::move(changes), at);
  return link(added);
}

std::vector<Identity> MeshPeers::link(const std::vector<const MeshPeer*>& added) {
  std::vector<Identity> linked;
  for (const MeshPeer* const peer : added) {
    const auto id = engine_.find_id(peer->key);
    if (!id) continue;  // the engine has no room for it
    links_.emplace(peer->identity, Link{*id, *peer, 0, 0});
    by_peer_.emplace(*id, peer->identity);
    linked.push_back(peer->identity);
  }
  return linked;
}

bool MeshPeers::is_static(const PublicKey& key) const {
  return std::find(static_keys_.begin(), static_keys_.end(), key) != static_keys_.end();
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

}  // namespace xm
