// What this machine makes of each member: the decision about it, the inner addresses that follow,
// and where it may be reached. Pure: records and time in, values out.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/mesh/addresses.hpp"
#include "agent/mesh/authority.hpp"
#include "agent/mesh/certificate.hpp"
#include "agent/mesh/record.hpp"
#include "agent/mesh/trust.hpp"

namespace xm {

struct Standing {
  NodeRecord record;
  std::optional<CertificateChain> chain;
  Decision decision;
  PublicKey key{};               // WireGuard's
  std::vector<Prefix> derived;   // its own IPv4 and IPv6 address, as the record's salt says
  std::vector<Prefix> prefixes;  // what it has of all that it may have: see settle()
};

// One owner.
class Roster {
 public:
  Roster(std::string mesh, const Identity& self, const Prefix& ipv4_prefix)
      : mesh_(std::move(mesh)),
        self_(self),
        ipv4_prefix_(ipv4_prefix),
        inside_{ipv4_prefix, derive_ipv6_prefix(mesh_)} {}

  // A member's record that the authority has admitted. False when it is no member (any more): then
  // it is not kept.
  bool take(const HeldRecord& record, const TrustStore& trust, UnixSeconds now);
  void remove(const Identity& identity);
  // Decides about everyone anew: who is no member any more, and is no longer here; as it stood.
  [[nodiscard]] std::vector<Standing> reconsider(const TrustStore& trust, UnixSeconds now);
  // When the first decision that rests on a certificate ends; nothing when none does.
  [[nodiscard]] std::optional<UnixSeconds> until() const;

  // Gives every address and subnet to one of those that may have it, ourselves included. To be
  // called after changes; what it finds holds until the next.
  void settle(const AddressClaim& ours);

  [[nodiscard]] const std::map<Identity, Standing>& all() const { return members_; }
  [[nodiscard]] const Standing* find(const Identity& identity) const;
  // What each of ours got; and who lost what to whom.
  [[nodiscard]] const std::vector<Prefix>& our_prefixes() const { return our_prefixes_; }
  [[nodiscard]] const std::vector<AddressConflict>& conflicts() const { return conflicts_; }
  // Whether a member has this address, as derived or granted.
  [[nodiscard]] bool is_taken(const IpAddress& address) const;

  // Derived from mesh, identity and salt.
  [[nodiscard]] std::vector<Prefix> derive(const Identity& identity, std::uint32_t salt) const;

  // Whether a member may be looked for there: no loopback, multicast, unspecified or link-local
  // address, none of the mesh or behind it (that were a tunnel in itself), no port 0.
  [[nodiscard]] bool is_usable(const Endpoint& endpoint) const;
  // What of its record is.
  [[nodiscard]] std::vector<Endpoint> candidates(const Standing& standing) const;

  // What a tunnel's own packets must not be sent to: the mesh, and what its nodes route.
  [[nodiscard]] const std::vector<Prefix>& inside() const { return inside_; }

 private:
  const std::string mesh_;
  const Identity self_;
  const Prefix ipv4_prefix_;
  std::map<Identity, Standing> members_;
  std::vector<AddressOwner> owners_;
  std::vector<AddressConflict> conflicts_;
  std::vector<Prefix> our_prefixes_;
  std::vector<Prefix> inside_;
};

}  // namespace xm
