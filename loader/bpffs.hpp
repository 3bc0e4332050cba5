// Where pins go: the machine's bpffs, or one of our own where that is not mounted.
//
// `ip netns exec` gives its program a fresh /sys without the bpffs; a container may have none.
#pragma once

#include <optional>
#include <string>

#include "xdpmesh/result.hpp"

namespace xm {

// The directories that the loader uses. Tests have their own.
struct Places {
  std::string bpffs = "/sys/fs/bpf";
  std::string own_bpffs = "/run/xdp-mesh/bpf";
  std::string run = "/run/xdp-mesh";  // locks
};

struct Bpffs {
  std::string directory;  // one folder an interface is in it; it need not exist
  // The machine's: other programs (libxdp, bpftool) see the pins.
  bool shared = false;
};

// What is mounted; nothing when neither place has one.
[[nodiscard]] std::optional<Bpffs> find_bpffs(const Places& places);

// The same, and mounts our own when there is none. Needs CAP_SYS_ADMIN then.
[[nodiscard]] Result<Bpffs> find_or_mount_bpffs(const Places& places);

// Removes the directory when no pin is left in it, and unmounts what is our own.
void leave_bpffs(const Bpffs& bpffs);

}  // namespace xm
