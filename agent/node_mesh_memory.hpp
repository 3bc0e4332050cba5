// Members that answered, remembered on the disk: a node that starts while its seeds are down asks
// them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "agent/mesh/mesh.hpp"
#include "agent/store/members_file.hpp"
#include "xdpmesh/clock.hpp"

namespace xm {

// Thread: the control thread. Writes once in a while, and only what is new.
class MeshMemory {
 public:
  explicit MeshMemory(std::string path) : file_(std::move(path)) {}

  // What an earlier life has written. A file that cannot be read is said, and written anew.
  void load();
  [[nodiscard]] const std::vector<MemberPlace>& places() const { return places_; }

  // Members may have come, gone or moved.
  void note(Instant now);
  [[nodiscard]] Instant due() const { return due_; }
  // At due().
  void tend(const Mesh& mesh, Instant now);
  // Now, if there is something new: the process ends.
  void save(const Mesh& mesh);

 private:
  MembersFile file_;
  std::vector<MemberPlace> places_;  // as they are on the disk
  Instant due_ = kFarFuture;
  bool is_told_ = false;  // that it cannot be written
};

}  // namespace xm
