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
  for (const std::size_t index : news.peers) {
    const Endpoint found = names_->peer(index);
    InterfaceChange change;
    change.peers.emplace_back();
    change.peers.back().public_key = setup_.config.peers.at(index).public_key;
    change.peers.back().update_only = true;
    const auto id = engine_.find_id(change.peers.back().public_key);
    if (!id || peers_.identity_of(*id)) continue;  // a member is found by gossip
    const bool has_moved = std::find(news.moved_peers.begin(), news.moved_peers.end(), index) !=
                           news.moved_peers.end();
    if (engine_.route(*id).is_set() && !has_moved) continue;  // it may have roamed since
    change.peers.back().endpoint = found;
    if (Status applied = engine_.apply(std::move(change), at); !applied) {
      log::error("mesh: " + applied.error().what);
    }
  }
  send_requests(at);
  carry_out(at);
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
