// What clients read of the mesh in an agent's status (status.hpp), and how it is shown. What a
// status of another version lacks is empty here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "xdpmesh/result.hpp"

namespace xm {

struct MemberReport {
  std::string identity;
  std::vector<std::string> names;  // those that this node grants it, without ".mesh"
  std::vector<std::string> addresses;
  std::string state;     // "alive", "suspect", "dead", "left"
  std::string reach;     // "direct", "silent", "unknown"
  std::string endpoint;  // empty: none is known
  std::string trust;     // why it is a member
  std::vector<std::string> refused;
  // Of its WireGuard session.
  std::string receive_path;                        // "xdp", "socket", "none"
  std::optional<std::uint64_t> handshake_seconds;  // ago; none: never

  // "alpha", "alpha, gate", or the beginning of the identity of who has no name.
  [[nodiscard]] std::string title() const;
};

struct MeshReport {
  std::string interface;
  std::uint64_t network_namespace = 0;  // its inode
  std::string mesh;
  std::string state;  // "alone", "joining", "joined"
  MemberReport self;  // of this node only what identifies it
  std::vector<MemberReport> members;
  std::vector<std::string> faults;
};

// From a line of status_json(); nothing when the agent is in no mesh. Errors as of status_text().
[[nodiscard]] Result<std::optional<MeshReport>> mesh_report(std::string_view status);

// A table for people, with a final newline.
[[nodiscard]] std::string members_text(const MeshReport& report);

// One line without its end: {"schema_version", "interface", "mesh", "state", "identity",
// "members"}, the members as in the status with "receive_path" and "last_handshake_seconds" of
// their sessions. `status` is a line of which mesh_report() had something to tell.
[[nodiscard]] std::string members_json(std::string_view status);

}  // namespace xm
