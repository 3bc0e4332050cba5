// When does which peer want to be looked at next? At most one deadline a peer, the earliest first.
// Control thread only.
#pragma once

#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "agent/peer/peer.hpp"
#include "xdpmesh/clock.hpp"

namespace xm {

class Deadlines {
 public:
  // Replaces the peer's deadline; kFarFuture removes it.
  void set(PeerId peer, Instant at) {
    if (const auto known = of_peer_.find(peer); known != of_peer_.end()) {
      if (known->second == at) return;
      ordered_.erase({known->second, peer});
      of_peer_.erase(known);
    }
    if (at == kFarFuture) return;
    of_peer_.emplace(peer, at);
    ordered_.emplace(at, peer);
  }

  // kFarFuture when nothing is to be waited for.
  [[nodiscard]] Instant next() const {
    return ordered_.empty() ? kFarFuture : ordered_.begin()->first;
  }

  // Takes out the earliest deadline that is not after `now`.
  [[nodiscard]] std::optional<PeerId> pop_due(Instant now) {
    if (ordered_.empty() || now < ordered_.begin()->first) return std::nullopt;
    const PeerId peer = ordered_.begin()->second;
    ordered_.erase(ordered_.begin());
    of_peer_.erase(peer);
    return peer;
  }

 private:
  std::set<std::pair<Instant, PeerId>> ordered_;
  std::unordered_map<PeerId, Instant> of_peer_;
};

}  // namespace xm
