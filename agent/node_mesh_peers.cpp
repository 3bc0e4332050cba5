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

PeerChange removal_of(const PublicKey& key) {
  PeerChange change = change_of(key);
  change.remove = true;
  return change;
}

const PeerChange* find(const std::vector<PeerChange>& peers, const PublicKey& key) {
  const auto found = std::find_if(peers.begin(), peers.end(),
                                  [&](const PeerChange& peer) { return peer.public_key == key; });
  return found == peers.end() ? nullptr : &*found;
}

PeerChange copy_of(const PeerChange& configured) {
  PeerChange copy = change_of(configured.public_key);
  if (configured.preshared_key) copy.preshared_key = configured.preshared_key->clone();
  copy.endpoint = configured.endpoint;
  copy.persistent_keepalive = configured.persistent_keepalive;
  copy.replace_allowed_ips = true;
  copy.add_allowed_ips = configured.add_allowed_ips;
  return copy;
}

// What of `now` is not as in `old`, but for the inner addresses.
PeerChange difference(const PeerChange& old, const PeerChange& now) {
  PeerChange change = copy_of(now);
  if (old.preshared_key == now.preshared_key) change.preshared_key.reset();
  if (old.endpoint == now.endpoint) change.endpoint.reset();
  if (old.persistent_keepalive == now.persistent_keepalive) change.persistent_keepalive.reset();
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
  std::vector<PeerChange> changes;
  for (const PeerChange& old : static_) {
    const bool stays = find(peers, old.public_key) != nullptr || is_member(old.public_key);
    if (!stays) changes.push_back(removal_of(old.public_key));
  }
  members_have_.clear();
  for (const auto& [identity, link] : links_) note_inner_addresses(link.as_planned);
  for (const PeerChange& peer : peers) {
    if (is_member(peer.public_key)) continue;
    const PeerChange* const old = find(static_, peer.public_key);
    const bool is_there = old != nullptr && engine_.find_id(peer.public_key);
    changes.push_back(is_there ? difference(*old, peer) : copy_of(peer));
    give_inner_addresses(changes.back(), peer);
  }
  static_ = std::move(peers);
  apply(std::move(changes), at);
}

void MeshPeers::note_inner_addresses(const MeshPeer& member) {
  members_have_.insert(member.allowed_ips.begin(), member.allowed_ips.end());
}

// Those that no member has: what is granted to a member is its own.
void MeshPeers::give_inner_addresses(PeerChange& change, const PeerChange& configured) const {
  change.replace_allowed_ips = true;
  change.add_allowed_ips.clear();
  std::copy_if(configured.add_allowed_ips.begin(), configured.add_allowed_ips.end(),
               std::back_inserter(change.add_allowed_ips),
               [&](const Prefix& prefix) { return !members_have_.contains(prefix); });
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
    const PublicKey& key = entry.second.as_planned.key;
    changes.push_back(removal_of(key));
    // Without the member's session, but where it was: its name is not looked up anew for this.
    if (const PeerChange* const configured = find(static_, key)) {
      const Endpoint last = engine_.route(entry.second.peer).remote;
      changes.push_back(copy_of(*configured));
      changes.back().add_allowed_ips.clear();  // below, when it is known what is free
      if (!changes.back().endpoint && last.is_set()) changes.back().endpoint = last;
    }
    return true;
  });
  std::vector<const MeshPeer*> added;
  for (const MeshPeer& peer : plan.peers) {
    const auto known = links_.find(peer.identity);
    const bool is_new = known == links_.end();
    if (!is_new && known->second.as_planned == peer) continue;
    changes.push_back(change_of(peer.key));
    changes.back().is_sought = true;
    if (is_new && find(static_, peer.key) != nullptr) {
      changes.back().preshared_key = Key();
      changes.back().persistent_keepalive = 0;
    }
    changes.back().replace_allowed_ips = true;
    changes.back().add_allowed_ips = peer.allowed_ips;
    if (is_new) {
      added.push_back(&peer);
    } else {
      known->second.as_planned = peer;
    }
  }
  if (!changes.empty()) share_with_static(plan, changes);
  apply(std::move(changes), at);
  return link(added);
}

// What members have left may be a static peer's, and what they have got is not any more.
void MeshPeers::share_with_static(const MeshPlan& plan, std::vector<PeerChange>& changes) {
  if (static_.empty()) return;
  members_have_.clear();
  std::set<PublicKey> members;
  for (const MeshPeer& peer : plan.peers) {
    members.insert(peer.key);
    note_inner_addresses(peer);
  }
  for (const PeerChange& configured : static_) {
    if (members.contains(configured.public_key)) continue;
    changes.push_back(change_of(configured.public_key));
    changes.back().update_only = true;
    give_inner_addresses(changes.back(), configured);
  }
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

bool MeshPeers::is_member(const PublicKey& key) const {
  return std::any_of(links_.begin(), links_.end(),
                     [&](const auto& entry) { return entry.second.as_planned.key == key; });
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
