#include "agent/cli/mesh_clients.hpp"

#include <algorithm>
#include <cctype>
#include <numeric>
#include <utility>

#include "agent/cli/agent_client.hpp"
#include "agent/cli/status_client.hpp"
#include "xdpmesh/addr.hpp"
#include "xdpmesh/network_namespace.hpp"

namespace xm {
namespace {

constexpr std::string_view kZone = ".mesh";

// Shorter beginnings of an identity are as likely a name that was mistyped.
constexpr std::size_t kShortestIdentity = 8;

constexpr std::size_t kNear = 2;  // letters that are wrong, missing or too many

int fail(const Printer& print, const std::string& what) {
  std::fprintf(print.err, "xdp-mesh: %s\n", what.c_str());
  return 1;
}

// As names and addresses are spelt in a status: in lower case, without the zone and a final dot.
std::string plain_name(std::string_view text) {
  if (const auto address = IpAddress::parse(text)) return address->to_string();
  std::string name(text);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (name.ends_with('.')) name.pop_back();
  if (name.ends_with(kZone)) name.resize(name.size() - kZone.size());
  return name;
}

bool is_called(const MemberReport& member, const std::string& name) {
  const auto has = [&](const std::vector<std::string>& texts) {
    return std::find(texts.begin(), texts.end(), name) != texts.end();
  };
  return has(member.names) || has(member.addresses) ||
         (name.size() >= kShortestIdentity && member.identity.starts_with(name));
}

// Levenshtein's distance.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

}  // namespace

Result<std::vector<MeshAnswer>> ask_meshes(const std::string& interface,
                                           const std::string& directory) {
  StatusReplies replies = ask_status({interface, false, false}, directory);
  std::vector<MeshAnswer> answers;
  for (std::string& line : replies.lines) {
    auto report = mesh_report(line);
    if (!report) {
      replies.errors.push_back(report.error().what);
    } else if (*report) {
      answers.push_back({std::move(line), std::move(**report)});
    }
  }
  if (!answers.empty()) return answers;
  if (!replies.errors.empty()) return Error{replies.errors.front()};
  return Error{interface.empty() ? "no running agent is in a mesh"
                                 : "the agent of " + interface + " is in no mesh"};
}

Result<std::vector<MeshAnswer>> ask_meshes_here(const std::string& interface,
                                                const std::string& directory) {
  auto meshes = ask_meshes(interface, directory);
  if (!meshes || !interface.empty()) return meshes;
  std::erase_if(*meshes, [here = network_namespace_inode()](const MeshAnswer& mesh) {
    return mesh.report.network_namespace != here;
  });
  if (meshes->empty()) {
    return Error{
        "no running agent of this network namespace is in a mesh (elsewhere: --interface)"};
  }
  return meshes;
}

std::vector<const MemberReport*> members_called(const MeshReport& report, std::string_view text) {
  const std::string name = plain_name(text);
  std::vector<const MemberReport*> found;
  if (is_called(report.self, name)) found.push_back(&report.self);
  for (const MemberReport& member : report.members) {
    if (is_called(member, name)) found.push_back(&member);
  }
  return found;
}

std::string unknown_member(const std::vector<MeshAnswer>& meshes, std::string_view text) {
  const std::string name = plain_name(text);
  std::string nearest;
  std::size_t least = kNear + 1;
  const auto consider = [&](const MemberReport& member) {
    for (const std::string& other : member.names) {
      const std::size_t apart = other.starts_with(name) ? 1 : distance(name, other);
      if (apart < least && apart < other.size()) {
        least = apart;
        nearest = other;
      }
    }
  };
  for (const MeshAnswer& mesh : meshes) {
    consider(mesh.report.self);
    for (const MemberReport& member : mesh.report.members) consider(member);
  }
  return "no member is called " + std::string(text) +
         (nearest.empty() ? " (see `xdp-mesh peers`)" : "; did you mean " + nearest + "?");
}

int show_peers(const PeersCommand& command, const std::string& directory, const Printer& print) {
  const auto meshes = ask_meshes(command.interface, directory);
  if (!meshes) return fail(print, meshes.error().what);
  std::string text;
  for (const MeshAnswer& mesh : meshes.value()) {
    if (command.json) {
      text += members_json(mesh.status) + "\n";
    } else {
      text += (text.empty() ? "" : "\n") + members_text(mesh.report);
    }
  }
  std::fputs(text.c_str(), print.out);
  return std::fflush(print.out) == 0 ? 0 : 1;
}

int resolve_name(const ResolveCommand& command, const std::string& directory,
                 const Printer& print) {
  const auto meshes = ask_meshes_here(command.interface, directory);
  if (!meshes) return fail(print, meshes.error().what);
  std::vector<std::string> addresses;
  bool known = false;
  for (const MeshAnswer& mesh : meshes.value()) {
    for (const MemberReport* member : members_called(mesh.report, command.name)) {
      known = true;
      for (const std::string& address : member->addresses) {
        const bool told = std::find(addresses.begin(), addresses.end(), address) != addresses.end();
        if (!told) addresses.push_back(address);
      }
    }
  }
  if (!known) return fail(print, unknown_member(meshes.value(), command.name));
  if (addresses.empty()) return fail(print, command.name + " has no address in the mesh yet");
  for (const std::string& address : addresses) std::fprintf(print.out, "%s\n", address.c_str());
  return std::fflush(print.out) == 0 ? 0 : 1;
}

}  // namespace xm
