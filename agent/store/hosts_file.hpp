// Members' names in a hosts file (hosts(5)): a block of lines that is ours, between
//
//   # xdp-mesh IF begin
//   # xdp-mesh IF end
//
// and everything else byte for byte as it was (a last line without an end gets one).
// systemd-resolved and glibc read /etc/hosts by themselves. Thread: the control thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "xdpmesh/addr.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

struct HostsEntry {
  IpAddress address;
  std::string name;  // "alpha.mesh"
};

// `text` with the block of `interface` saying `entries`, where it was or at the end; without the
// block when there are none. What is left of a block whose end was cut off goes too.
[[nodiscard]] std::string with_hosts_block(std::string_view text, const std::string& interface,
                                           const std::vector<HostsEntry>& entries);

class HostsFile {
 public:
  // A file at `path` or behind a link there; made when entries come and it is missing.
  HostsFile(std::string path, std::string interface)
      : path_(std::move(path)), interface_(std::move(interface)) {}

  // Writes when that changes the file: a new one with the old one's mode and owner takes the name,
  // or, where that cannot be (a file that is mounted, as in containers), the old one is written
  // over.
  [[nodiscard]] Status set(const std::vector<HostsEntry>& entries) const;

  // The block goes; a file that is missing has none.
  [[nodiscard]] Status remove() const { return set({}); }

 private:
  std::string path_;
  std::string interface_;
};

}  // namespace xm
