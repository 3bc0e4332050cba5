// What xm_peers says of a peer, for people who look with bpftool.
#pragma once

#include <map>
#include <string>

#include "agent/crypto/secret.hpp"
#include "agent/mesh/roster.hpp"
#include "agent/peer/engine.hpp"
#include "xdpmesh/abi.h"

namespace xm {

// What the mesh calls its members, by their WireGuard keys; who was granted no name is not in it.
using PeerNames = std::map<PublicKey, std::string>;

// Of several names the first.
[[nodiscard]] PeerNames peer_names(const Roster& roster);

// Named by its key where it has no name.
[[nodiscard]] xm_peer peer_entry(const PeerSummary& peer, const PeerNames& names);

}  // namespace xm
