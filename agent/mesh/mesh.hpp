// A node of the mesh, without its sockets: gossip, trust, its own record, and what follows for the
// tunnel: which peers with which inner addresses. Datagrams, files and time go in, actions and a
// plan come out: no descriptor, clock or thread.
//
//   mesh.cpp              inputs, and what comes out of gossip
//   mesh_revocations.cpp  who is told of them, and what follows from those that are learnt
//   mesh_plan.cpp         from members to peers, addresses and routes
//   mesh_faults.cpp       what is wrong, as people are told
//
// After every input the caller carries out take_actions().
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "agent/crypto/random.hpp"
#include "agent/mesh/gossip.hpp"
#include "agent/mesh/incarnation.hpp"
#include "agent/mesh/mesh_authority.hpp"
#include "agent/mesh/own_record.hpp"
#include "agent/mesh/revocation_teller.hpp"
#include "agent/mesh/roster.hpp"
#include "xdpmesh/addr.hpp"
#include "xdpmesh/clock.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// A peer of the configuration, beside the members.
struct OutsidePeer {
  PublicKey key{};
  std::vector<Prefix> allowed_ips;
};

struct MeshOptions {
  std::string mesh;
  Prefix ipv4_prefix;
  RecordWishes wishes;  // endpoints and salt are those to begin with
  std::size_t max_members = 4096;
  std::int64_t hellos_per_second = HelloGuard::kHellosPerSecond;
  bool accept_subnets = true;
  bool accept_default = false;
  std::vector<OutsidePeer> outside;  // they get routes; a member with the same key comes first
};

// Numbers that outlive the process, each in its own place.
struct MeshCounters {
  CounterStore& incarnation;
  CounterStore& record_version;
};

// A member as the tunnel has it.
struct MeshPeer {
  Identity identity;
  PublicKey key{};
  std::vector<Prefix> allowed_ips;  // ascending

  friend bool operator==(const MeshPeer&, const MeshPeer&) = default;
};

// What the tunnel is to look like.
struct MeshPlan {
  std::vector<MeshPeer> peers;       // ascending by identity
  std::vector<IpAddress> addresses;  // of our interface, each a host of its own
  std::vector<Prefix> routes;        // along our interface, ascending

  friend bool operator==(const MeshPlan&, const MeshPlan&) = default;
};

// plan() has another answer.
struct PlanChanged {};
// It came by gossip and holds: to be kept on disk.
struct RevocationLearnt {
  SignedRevocation revocation;
};
// Another salt was taken: to be used at the next start, so that the address stays.
struct SaltChanged {
  std::uint32_t salt = 0;
};

using MeshAction =
    std::variant<SendDatagram, EndpointVerified, ProbeAnswered, SessionBegan, MemberChanged,
                 TrySeed, EndpointObserved, PlanChanged, RevocationLearnt, SaltChanged>;

class Mesh {
 public:
  // The references outlive it.
  Mesh(const SigningKey& key, const MeshOptions& options, const MeshCounters& counters,
       Random& random);

  // --- inputs ---

  // The first. An error when there is no incarnation, version or record to begin with.
  [[nodiscard]] Status start(const TrustFiles& files, const std::optional<CertificateChain>& chain,
                             const Moment& at);
  // The directory has changed. Whom nothing vouches for any more is out when this returns.
  void reload_trust(const TrustFiles& files, const std::optional<CertificateChain>& chain,
                    const Moment& at);
  // Names, addresses, subnets and life from the configuration; limits, what is accepted, and the
  // peers beside the members.
  void reconfigure(const MeshOptions& options, const Moment& at);
  // Where we may be reached, the best first: into our record.
  void set_endpoints(std::vector<Endpoint> endpoints, const Moment& at);
  // A gossip datagram. Read during the call.
  void receive(Bytes datagram, const Endpoint& source, const Moment& at);
  // A seed, or an address without a name: then somebody of a trusted organisation is asked for.
  void contact(const std::optional<Identity>& identity, const Endpoint& endpoint, const Moment& at);
  // The data plane has authenticated something of this member, from there.
  void heard(const Identity& identity, const Endpoint& source, const Moment& at);
  // A packet for this member waits.
  void want_session(const Identity& identity, const Moment& at);
  // Whether it answers there; and that this is where to send to.
  void probe(const Identity& identity, const Endpoint& endpoint, const Moment& at);
  void use_endpoint(const Identity& identity, const Endpoint& endpoint, const Moment& at);
  void leave(const Moment& at);
  void on_timers(const Moment& at);
  [[nodiscard]] Instant next_deadline() const;

  // --- outputs ---

  [[nodiscard]] std::vector<MeshAction> take_actions() { return std::exchange(actions_, {}); }
  [[nodiscard]] bool has_actions() const { return !actions_.empty(); }
  [[nodiscard]] const MeshPlan& plan() const { return plan_; }

  [[nodiscard]] const Identity& self() const { return self_; }
  [[nodiscard]] const Gossip& gossip() const { return gossip_; }
  [[nodiscard]] const Roster& roster() const { return roster_; }
  [[nodiscard]] const OwnRecord& own_record() const { return own_; }
  [[nodiscard]] const MeshAuthority& authority() const { return authority_; }
  // A member's clock less ours in seconds, when it last told; ours against the members' median.
  [[nodiscard]] std::optional<std::int64_t> skew_of(const Identity& member) const;
  [[nodiscard]] std::optional<std::int64_t> skew() const;
  // What is wrong, each a sentence for people.
  [[nodiscard]] std::vector<std::string> faults() const;

 private:
  // mesh.cpp
  void begin(const Moment& at);
  void finish(const Moment& at);
  void take(GossipAction& action, const Moment& at);
  void on_member(const MemberChanged& change, const Moment& at);
  void on_session(const SessionBegan& session, const Moment& at);
  void reconsider(const Moment& at);
  void on_outdone(std::uint64_t version, Instant now);
  void issue(const Moment& at);

  // mesh_revocations.cpp
  void tell_revocations(const Identity& identity, const Moment& at);
  void tell_more(Instant now);
  void tell_reason(const Standing& gone, Instant now);
  void take_revocations(const Moment& at);
  void ask_for_revocations(const std::vector<VerifyKey>& trusted, Instant now);

  // mesh_plan.cpp
  void settle();
  void make_plan(Instant now);
  [[nodiscard]] AddressClaim our_claim() const;
  [[nodiscard]] bool is_peer(const Member& member, Instant now);
  [[nodiscard]] bool is_in_mesh(const Prefix& prefix) const;
  void add_routes_to(const Standing& standing, std::vector<Prefix>& routes) const;
  void add_outside_routes(MeshPlan& plan) const;

  const Identity self_;
  MeshOptions options_;
  MeshAuthority authority_;
  OwnRecord own_;
  Roster roster_;
  Gossip gossip_;
  RevocationTeller teller_;
  RecordWishes wishes_;
  MeshPlan plan_;
  bool must_issue_ = false;
  bool must_settle_ = false;
  bool must_plan_ = false;
  Instant check_at_ = kFarFuture;  // trust, records and silences are looked at again
  Instant issue_not_before_;
  std::uint64_t seen_version_ = 0;  // of a record of ours that is not from this life
  bool must_outdo_ = false;         // it, with the next issue
  Instant outdone_at_;
  std::vector<std::string> trust_faults_;
  std::string record_fault_;
  Instant duplicate_at_;
  std::map<Identity, std::int64_t> skews_;
  std::set<Identity> away_;  // members that are dead, or have left
  Instant now_;
  std::vector<MeshAction> actions_;
};

}  // namespace xm
