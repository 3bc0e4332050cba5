#include "agent/node_mesh_memory.hpp"

#include <algorithm>

#include "xdpmesh/log.hpp"

namespace xm {
namespace {

// A mesh that comes up settles meanwhile; and the disk has its rest.
constexpr Duration kPause = 30s;

}  // namespace

void MeshMemory::load() {
  auto loaded = file_.load();
  if (loaded) {
    places_ = std::move(*loaded);
  } else {
    log::error("mesh: members of the last time are forgotten: " + loaded.error().what);
  }
}

void MeshMemory::note(Instant now) {
  if (due_ == kFarFuture) due_ = now + kPause;
}

void MeshMemory::tend(const Mesh& mesh, Instant now) {
  if (now < due_) return;
  due_ = kFarFuture;
  save(mesh);
}

// Who is alone remembers whom it knew: that is when it will want to ask.
void MeshMemory::save(const Mesh& mesh) {
  std::vector<MemberPlace> places;
  for (const Member& member : mesh.gossip().swim().members().all()) {
    if (places.size() == kMostPlaces) break;
    const Endpoint endpoint = mesh.gossip().endpoint_of(member.identity);
    if (member.state != MemberState::alive || !endpoint.is_set()) continue;
    places.push_back({member.identity, endpoint});
  }
  std::sort(places.begin(), places.end());
  if (places.empty() || places == places_) return;
  const Status saved = file_.save(places);
  if (saved) {
    places_ = std::move(places);
  } else if (!std::exchange(is_told_, true)) {
    log::error("mesh: members are not remembered: " + saved.error().what);
  }
}

}  // namespace xm
