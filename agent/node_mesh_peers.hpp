// Between the mesh's members and the engine's peers: who is one, with which allowed IPs, where it
// is, and what the data plane has heard of it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "agent/mesh/mesh.hpp"
#include "agent/peer/engine.hpp"

namespace xm {

// Thread: the control thread.
class MeshPeers {
 public:
  // `engine` outlives it.
  explicit MeshPeers(Engine& engine) : engine_(engine) {}

  // The peers of the configuration that are no members, from now on: what has changed since the
  // last call is applied, so one that has roamed stays where it is. While a member has the same
  // key, it is left alone; when that is no peer any more, the configuration's takes its place.
  void set_static(std::vector<PeerChange> peers, const Moment& at);
  // Every member that is to be a peer is one, nobody else is. Returns those that are new.
  std::vector<Identity> follow(const MeshPlan& plan, const Moment& at);
  // Gossip has proved that the member receives there. While the data plane hears it elsewhere,
  // that is believed instead.
  void verified(const Identity& identity, const Endpoint& endpoint, const Moment& at);
  // The member has begun another life there, and knows nothing of a session that the tunnel may
  // still have with it.
  void began(const Identity& identity, const Endpoint& endpoint, const Moment& at);
  // A session is wanted before there is a packet for it.
  void shake_hands(const Identity& identity, const Moment& at);
  // Packets go there from now on, wherever the data plane has heard it.
  void use(const Identity& identity, const Endpoint& endpoint, const Moment& at);
  // Seconds between keepalives, 0: none.
  void set_keepalive(const Identity& identity, std::uint16_t seconds, const Moment& at);

  // Whose authenticated packets have come since the last call, and from where.
  [[nodiscard]] std::vector<std::pair<Identity, Endpoint>> take_heard();

  // Nothing for a static peer.
  [[nodiscard]] std::optional<Identity> identity_of(PeerId peer) const;
  [[nodiscard]] std::vector<Identity> all() const;

 private:
  struct Link {
    PeerId peer = 0;
    MeshPeer as_planned;
    std::uint16_t keepalive = 0;
    std::int64_t heard = 0;  // Activity::last_received when it was last looked at
  };

  void apply(PeerChange change, const Moment& at);
  void apply(std::vector<PeerChange> changes, const Moment& at);
  // Those that the engine has taken.
  [[nodiscard]] std::vector<Identity> link(const std::vector<const MeshPeer*>& added);
  [[nodiscard]] bool is_member(const PublicKey& key) const;
  void note_inner_addresses(const MeshPeer& member);
  void give_inner_addresses(PeerChange& change, const PeerChange& configured) const;
  void share_with_static(const MeshPlan& plan, std::vector<PeerChange>& changes);

  Engine& engine_;
  std::map<Identity, Link> links_;
  std::map<PeerId, Identity> by_peer_;
  std::vector<PeerChange> static_;  // as configured
  std::set<Prefix> members_have_;   // inner addresses, when those of static peers were given last
};

}  // namespace xm
