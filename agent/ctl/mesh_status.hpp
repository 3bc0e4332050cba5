// What the mesh of an agent says about itself, as values; their JSON is the member "mesh" of the
// status (docs/control-socket.md). No secret is part of it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/crypto/secret.hpp"
#include "xdpmesh/addr.hpp"

namespace xm {

struct MeshCount {
  std::string name;  // snake_case
  std::uint64_t value = 0;
};

// Whether we and a member hear each other directly.
enum class Reach : std::uint8_t {
  unknown,  // nobody has tried yet
  direct,   // there is a gossip session
  silent,   // it lives, others say, but does not answer us: it does not trust us, or a firewall
};

// By Reach.
inline constexpr std::array<std::string_view, 3> kReachNames{"unknown", "direct", "silent"};

[[nodiscard]] inline std::string_view reach_name(Reach reach) {
  return kReachNames.at(static_cast<std::size_t>(reach));
}

inline constexpr std::array<std::string_view, 4> kMemberStates{"alive", "suspect", "dead", "left"};

struct MemberStatus {
  std::string identity;
  PublicKey public_key{};
  std::vector<std::string> names;
  std::vector<IpAddress> addresses;
  std::vector<Prefix> subnets;
  std::string state;  // one of kMemberStates
  std::uint64_t incarnation = 0;
  Endpoint endpoint;  // not set: none is known
  std::vector<Endpoint> candidates;
  Reach reach = Reach::unknown;
  std::string trust;                 // why it is a member
  std::vector<std::string> refused;  // what it wants and is not granted
  std::optional<double> heard_seconds;
  std::optional<std::int64_t> clock_skew_seconds;  // its clock less ours
};

inline constexpr std::array<std::string_view, 3> kSeedStates{"member", "waiting", "unresolved"};

struct SeedStatus {
  std::string text;
  std::string state;   // one of kSeedStates
  std::string reason;  // of the last two
};

struct MeshStatus {
  std::string name;
  std::string identity;
  std::vector<std::string> names;
  std::vector<IpAddress> addresses;
  std::string state;  // "alone", "joining", "joined"
  std::uint64_t incarnation = 0;
  std::uint64_t record_version = 0;
  std::int64_t record_expires = 0;  // seconds since the epoch
  // Of what an organisation signed for this node; none: it has no certificate.
  std::optional<std::int64_t> certificate_expires;
  std::vector<Endpoint> endpoints;
  std::string nat_mapping;
  std::vector<Endpoint> nat_mapped;
  std::optional<std::int64_t> clock_skew_seconds;  // ours against the members' median
  std::vector<std::string> faults;
  std::vector<MemberStatus> members;
  std::vector<SeedStatus> seeds;
  std::vector<MeshCount> counters;
};

}  // namespace xm
