#include "agent/node_peer_entry.hpp"

#include <algorithm>

#include "agent/ctl/base64.hpp"
#include "loader/steer_program.hpp"

namespace xm {

PeerNames peer_names(const Roster& roster) {
  PeerNames names;
  for (const auto& [identity, standing] : roster.all()) {
    const auto& granted = standing.decision.names;
    if (!granted.empty()) names.emplace(standing.key, granted.front());
  }
  return names;
}

xm_peer peer_entry(const PeerSummary& peer, const PeerNames& names) {
  xm_peer value{};
  value.id = peer.id;
  std::copy(peer.public_key.begin(), peer.public_key.end(), value.public_key);
  const auto named = names.find(peer.public_key);
  const std::string name = named != names.end() ? named->second : to_base64(peer.public_key);
  std::copy_n(name.begin(), std::min(name.size(), sizeof value.name - 1), value.name);
  if (peer.endpoint.is_set()) {
    value.endpoint = to_xm_address(peer.endpoint.address);
    value.endpoint_port = peer.endpoint.port;
  }
  value.received_bytes = peer.received_bytes;
  value.sent_bytes = peer.sent_bytes;
  value.last_handshake =
      static_cast<std::uint64_t>(peer.last_handshake.nanoseconds / 1'000'000'000);
  return value;
}

}  // namespace xm
