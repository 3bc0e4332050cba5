// `xdp-mesh peers` and `resolve`: what running agents know of their meshes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/cli/attach_client.hpp"
#include "agent/cli/options.hpp"
#include "agent/ctl/mesh_report.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// What one agent says of its mesh.
struct MeshAnswer {
  std::string status;  // the line
  MeshReport report;
};

// The agents that are meant by the interface's name, all when it is empty, as far as they are in a
// mesh; an error when none is.
[[nodiscard]] Result<std::vector<MeshAnswer>> ask_meshes(const std::string& interface,
                                                         const std::string& directory);

// The same, but without a name only those of this network namespace: another's members are not to
// be reached from here.
[[nodiscard]] Result<std::vector<MeshAnswer>> ask_meshes_here(const std::string& interface,
                                                              const std::string& directory);

// The members, this node included, that a person may mean by a text: a name with or without
// ".mesh", an address, an identity or its first 8 characters or more. Borrowed from the report.
[[nodiscard]] std::vector<const MemberReport*> members_called(const MeshReport& report,
                                                              std::string_view text);

// "no member is called gaet; did you mean gate?"
[[nodiscard]] std::string unknown_member(const std::vector<MeshAnswer>& meshes,
                                         std::string_view text);

// Each returns the exit code.
[[nodiscard]] int show_peers(const PeersCommand& command, const std::string& directory,
                             const Printer& print);
[[nodiscard]] int resolve_name(const ResolveCommand& command, const std::string& directory,
                               const Printer& print);

}  // namespace xm
