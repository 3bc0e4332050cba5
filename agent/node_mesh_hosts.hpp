// What members are called, for programs that know of no mesh: NAME.mesh in the hosts file that the
// configuration names, gone when the node is.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "agent/io/burst.hpp"
#include "agent/mesh/mesh.hpp"
#include "agent/store/hosts_file.hpp"
#include "xdpmesh/clock.hpp"

namespace xm {

// This node's names and those that members are granted, each with its addresses, in order.
[[nodiscard]] std::vector<HostsEntry> hosts_entries(const Mesh& mesh);

// Thread: the control thread. Writes at most once a burst of changes.
class MeshHosts {
 public:
  explicit MeshHosts(std::string interface) : interface_(std::move(interface)) {}
  ~MeshHosts() { leave(); }
  MeshHosts(const MeshHosts&) = delete;
  MeshHosts& operator=(const MeshHosts&) = delete;

  // Members, names, addresses or the configuration may have changed.
  void note(Instant now) { burst_.note(now); }
  [[nodiscard]] Instant due() const { return burst_.due(); }
  // At due(). `path` empty: in no file.
  void tend(const std::string& path, const Mesh& mesh, Instant now);

  // Why the names are not in the file; empty: they are.
  [[nodiscard]] const std::string& fault() const { return fault_; }

 private:
  void leave();

  std::string interface_;
  std::string path_;  // where our block is; empty: nowhere
  Burst burst_;
  std::string fault_;
};

}  // namespace xm
