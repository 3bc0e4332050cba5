#include "agent/node_mesh_hosts.hpp"

#include "xdpmesh/log.hpp"

namespace xm {
namespace {

constexpr const char* kZone = ".mesh";

}  // namespace

std::vector<HostsEntry> hosts_entries(const Mesh& mesh) {
  std::vector<HostsEntry> entries;
  for (const std::string& name : mesh.own_record().wishes().names) {
    for (const IpAddress& address : mesh.plan().addresses) {
      entries.push_back({address, name + kZone});
    }
  }
  for (const auto& [identity, standing] : mesh.roster().all()) {
    for (const std::string& name : standing.decision.names) {
      for (const Prefix& prefix : standing.prefixes) {
        const bool is_address = prefix.length == prefix.address.bits();
        if (is_address) entries.push_back({prefix.address, name + kZone});
      }
    }
  }
  return entries;
}

void MeshHosts::tend(const std::string& path, const Mesh& mesh, Instant now) {
  if (!burst_.take(now)) return;
  if (path != path_) leave();
  path_ = path;
  std::string fault;
  if (!path.empty()) {
    const Status set = HostsFile(path, interface_).set(hosts_entries(mesh));
    if (!set) fault = "names are not in " + path + ": " + set.error().what;
  }
  if (!fault.empty() && fault != fault_) log::error("mesh: " + fault);
  fault_ = std::move(fault);
}

void MeshHosts::leave() {
  if (path_.empty()) return;
  const Status removed = HostsFile(std::exchange(path_, {}), interface_).remove();
  if (!removed) log::error("mesh: names stay behind: " + removed.error().what);
}

}  // namespace xm
