// Whom to begin with: seeds and other names of the configuration, as they are found.
#include <algorithm>
#include <utility>

#include "agent/node_mesh.hpp"
#include "xdpmesh/log.hpp"

namespace xm {

void NodeMesh::read_names(const Moment& at) {
  const MeshNames::News news = names_->take(at.now);
  for (const std::size_t seed : news.seeds) {
    if (!is_up(names_->seeds()[seed])) contact_seed(seed, at);
  }
  if (news.servers) endpoints_.set_servers(names_->servers(), at.now);
  for (const std::size_t peer : news.peers) place_peer(peer, at);
  send_requests(at);
  carry_out(at);
}

// Where its name was found, unless it is somewhere already and the configuration has not changed.
void NodeMesh::place_peer(std::size_t index, const Moment& at) {
  const SoughtPeer& sought = names_->peers().at(index);
  if (!sought.endpoint.is_set()) return;
  const auto id = engine_.find_id(sought.peer.public_key);
  if (!id || peers_.identity_of(*id)) return;                    // a member is found by gossip
  if (engine_.route(*id).is_set() && !sought.has_moved) return;  // it may have roamed since
  InterfaceChange change;
  change.peers.emplace_back();
  change.peers.back().public_key = sought.peer.public_key;
  change.peers.back().update_only = true;
  change.peers.back().endpoint = sought.endpoint;
  if (Status applied = engine_.apply(std::move(change), at); !applied) {
    log::error("mesh: " + applied.error().what);
  }
  names_->placed(index);
}

bool NodeMesh::is_up(const SoughtSeed& sought) const {
  return std::any_of(sought.places.begin(), sought.places.end(), [this](const auto& place) {
    const Member* const member =
        place.identity ? mesh_->gossip().swim().members().find(*place.identity) : nullptr;
    return member != nullptr && member->is_up();
  });
}

void NodeMesh::contact_seed(std::size_t index, const Moment& at) {
  for (const SoughtSeed::Place& place : names_->seeds()[index].places) {
    mesh_->contact(place.identity, place.endpoint, at);
  }
}

// While individuals alone are trusted, those who are not any more are not told that we are there.
bool NodeMesh::contact_remembered(const MemberPlace& place, const Moment& at) {
  const TrustStore& trust = mesh_->authority().trust();
  if (trust.organisations().empty() && !trust.is_authorized(place.identity)) return false;
  mesh_->contact(place.identity, place.endpoint, at);
  return true;
}

// Those without an identity are tried while nobody is there: whom they lead to nobody can tell. So
// are members of an earlier life.
void NodeMesh::contact_next_seed(const Moment& at) {
  const bool is_alone = mesh_->gossip().swim().members().up() == 0;
  if (is_alone) names_->ask_soon(at.now);
  const std::vector<SoughtSeed>& seeds = names_->seeds();
  const std::size_t all = seeds.size() + (is_alone ? memory_.places().size() : 0);
  for (std::size_t tried = 0; tried < all; ++tried) {
    const std::size_t index = next_seed_++ % all;
    if (index >= seeds.size()) {
      if (contact_remembered(memory_.places()[index - seeds.size()], at)) return;
      continue;
    }
    const SoughtSeed& sought = seeds[index];
    const bool has_identity = std::any_of(sought.places.begin(), sought.places.end(),
                                          [](const auto& place) { return place.identity; });
    if (has_identity ? is_up(sought) : !is_alone) continue;
    return contact_seed(index, at);
  }
}

}  // namespace xm
