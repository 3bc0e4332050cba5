// Which of a member's addresses we send to: PathFinder's choice, with identities for its numbers,
// and who wants a path at all.
#pragma once

#include <map>
#include <span>
#include <utility>
#include <vector>

#include "agent/mesh/identity.hpp"
#include "agent/nat/path_finder.hpp"
#include "agent/node_mesh_endpoints.hpp"

namespace xm {

// Thread: the control thread.
class MeshPaths {
 public:
  // A path is wanted for so long after the data plane has last needed it.
  static constexpr Duration kWanted = 180s;

  struct Probe {
    Identity member;
    Endpoint endpoint;
  };
  struct Use {
    Identity member;
    Endpoint endpoint;
  };

  // --- inputs ---

  // What usable_candidates() makes of its record.
  void set_candidates(const Identity& member, std::span<const Endpoint> candidates, Instant now);
  void forget(const Identity& member);
  // The data plane needs it: a packet waits, or has come from there.
  void need(const Identity& member, Instant now);
  void heard(const Identity& member, const Endpoint& endpoint, Instant now);
  // It answered a probe, or a greeting (round trip 0).
  void verified(const Identity& member, const Endpoint& endpoint, Duration round_trip, Instant now);
  // It was found to be elsewhere than where we sent to.
  void roamed(const Identity& member, const Endpoint& endpoint, Instant now);
  // It does not answer where we send to.
  void lost(const Identity& member, Instant now);
  // The network around us has changed, or what is known of our NAT. Behind one every member's way
  // is kept open, so that it reaches us at any time.
  void network_changed(Instant now);
  void set_nat(const MeshEndpoints& endpoints, Instant now);
  void on_timers(Instant now);
  [[nodiscard]] Instant next_deadline() const { return finder_.next_deadline(); }

  // --- outputs ---

  [[nodiscard]] std::vector<Probe> take_probes();
  [[nodiscard]] std::vector<Use> take_uses();
  [[nodiscard]] bool wants_keepalive(const Identity& member) const;

 private:
  struct Place {
    MemberNumber number = 0;
    Instant wanted_until;
  };
  Place& place_of(const Identity& member);
  void take_actions();

  PathFinder finder_;
  std::map<Identity, Place> places_;
  std::map<MemberNumber, Identity> by_number_;
  MemberNumber next_number_ = 0;
  bool is_translated_ = false;
  std::vector<Probe> probes_;
  std::vector<Use> uses_;
};

}  // namespace xm
