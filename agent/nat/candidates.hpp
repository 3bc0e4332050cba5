// Where others may reach us: the endpoints that our record offers, and what may be in anybody's.
//
// An offer is a guess: whoever uses it probes it first (path_finder.hpp). Nothing is sent here;
// time goes in. One owner.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "xdpmesh/addr.hpp"
#include "xdpmesh/clock.hpp"

namespace xm {

// The owner's number for a member; not given to another one while anything is kept about it.
using MemberNumber = std::uint32_t;

// Why an endpoint is no candidate, or nullptr when it may be one. Refused are: no address or port
// 0; the unspecified address and IPv4's first network, loopback, multicast, broadcast and IPv4's
// reserved block (RFC 6890); link-local, but for an IPv6 one that says on which interface (IPv4's
// holds the cloud's metadata services); an IPv4 address spelt as an IPv6 one; and what is inside:
// the mesh's prefixes and those that it routes, for a tunnel's packets must not enter the tunnel.
[[nodiscard]] const char* candidate_fault(const Endpoint& endpoint, std::span<const Prefix> inside);

// What may be used of a member's record, in the record's order but with what is on a network of
// ours (`on_link`) first: there the way is shortest. Each once.
[[nodiscard]] std::vector<Endpoint> usable_candidates(std::span<const Endpoint> offered,
                                                      std::span<const Prefix> inside,
                                                      std::span<const Prefix> on_link);

// RFC 1918, RFC 6598 (carrier-grade NAT), RFC 4193 (ULA): an address that means something in its
// own network only.
[[nodiscard]] bool is_private(const IpAddress& address);

// Where an endpoint is known from, the least cost to whoever tries them first.
enum class CandidateKind : std::uint8_t {
  configured,       // somebody says so; also where a mapping that was asked of a router would stand
  global,           // an address of this machine that is valid everywhere
  mapped,           // seen by a STUN server
  observed,         // seen by members
  private_network,  // an address of this machine for its own network
};

struct Candidate {
  Endpoint endpoint;
  CandidateKind kind = CandidateKind::configured;
  friend bool operator==(const Candidate&, const Candidate&) = default;
};

class Candidates {
 public:
  static constexpr std::size_t kMost = 8;  // as a record holds

  // Observations: what one member says counts only with another's, and for so long. A member has
  // one say for each address family, and so many members have one.
  static constexpr Duration kObservationLife = 300s;
  static constexpr std::size_t kMostObservers = 64;
  static constexpr unsigned kObserversNeeded = 2;

  // --- inputs, each replaces what it said before ---

  // The mesh's prefixes and those that it routes.
  void set_inside(std::vector<Prefix> inside) { inside_ = std::move(inside); }
  void set_configured(std::vector<Endpoint> configured) { configured_ = std::move(configured); }
  // This machine's addresses, and the port that it listens on. Those with a scope are not offered:
  // a record has no room for it.
  void set_local(std::vector<IpAddress> local, std::uint16_t port);
  // What servers see, where others can use it: not with an address-dependent mapping.
  void set_mapped(std::vector<Endpoint> mapped) { mapped_ = std::move(mapped); }

  // A member saw our datagram come from there.
  void observe(MemberNumber by, const Endpoint& address, Instant now);
  // It is none any more: it has no say.
  void forget(MemberNumber member);
  // Forgets the observations that are too old.
  void on_timers(Instant now);
  // When the next one will be; far future when there is none.
  [[nodiscard]] Instant next_deadline() const;

  // --- outputs ---

  // The best first. No kind takes another's place: a second endpoint of one kind and family is
  // offered when each has a first.
  [[nodiscard]] std::vector<Candidate> list() const;

  // Endpoints on which enough members agree, the one that was seen last first.
  [[nodiscard]] std::vector<Endpoint> observed(IpAddress::Family family) const;
  // Whether what observers agree on is this machine's own; nothing while they do not agree.
  [[nodiscard]] std::optional<bool> is_translated(IpAddress::Family family) const;
  [[nodiscard]] std::size_t observers() const { return observations_.size(); }

 private:
  struct Observation {
    Endpoint address;
    Instant at;
  };
  // Of one member, IPv4 and IPv6; never seen: none.
  struct Observations {
    std::array<Observation, 2> of;
    [[nodiscard]] Instant last() const { return std::max(of[0].at, of[1].at); }
  };

  [[nodiscard]] std::vector<Candidate> all() const;

  std::vector<Prefix> inside_;
  std::vector<Endpoint> configured_;
  std::vector<IpAddress> local_;
  std::uint16_t port_ = 0;
  std::vector<Endpoint> mapped_;
  std::map<MemberNumber, Observations> observations_;
};

}  // namespace xm
