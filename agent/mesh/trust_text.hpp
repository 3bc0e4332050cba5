// The files in which a person says whom to trust. Written by `xdp-mesh trust`, read and edited by
// hand; each key carries a checksum of its own.
//
//   xdp-mesh-trust 1
//   key xm1…                 a node, or (in orgs/) an organisation, xo1…; more than one may follow
//   label laptop of the ops team
//   name web-*               what it may have beside its derived addresses; each as often as needed
//   address 10.9.0.1
//   subnet 192.168.4.0/24
//
// Of a node these lines are what it is granted, by default nothing. Of an organisation they are
// limits of what its certificates may grant; without any of the three there is no limit, with one
// of them what stands here is all.
//
// A denial, "xdp-mesh-denial 1" and lines "key xm1…", shuts nodes out whoever vouches for them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/mesh/grants.hpp"
#include "agent/mesh/identity.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

struct TrustEntry {
  KeyKind kind = KeyKind::node;  // or organisation
  VerifyKey key{};
  std::string label;  // for people; printable ASCII, at most 64 bytes
  Grants grants;
  bool has_grants = false;  // any line of the three stood there

  friend bool operator==(const TrustEntry&, const TrustEntry&) = default;
};

// Printable ASCII, at most 64 bytes.
[[nodiscard]] bool is_label(std::string_view label);

[[nodiscard]] std::string trust_text(const std::vector<TrustEntry>& entries);
// Errors name the line. Every entry is of `kind`.
[[nodiscard]] Result<std::vector<TrustEntry>> parse_trust(KeyKind kind, std::string_view text);

[[nodiscard]] std::string denial_text(const std::vector<Identity>& denied);
[[nodiscard]] Result<std::vector<Identity>> parse_denial(std::string_view text);

}  // namespace xm
