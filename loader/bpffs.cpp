#include "loader/bpffs.hpp"

#include <linux/capability.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "loader/refusal.hpp"

namespace xm {
namespace {

bool is_bpffs(const std::string& directory) {
  struct statfs found {};
  return ::statfs(directory.c_str(), &found) == 0 && found.f_type == BPF_FS_MAGIC;
}

// Whether some interface has pins: a fresh bpffs has files of the kernel's own (maps.debug).
bool has_folders(const std::string& directory) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->is_directory(error)) return true;
  }
  return static_cast<bool>(error);
}

}  // namespace

std::optional<Bpffs> find_bpffs(const Places& places) {
  if (is_bpffs(places.bpffs)) return Bpffs{places.bpffs + "/xdp-mesh", true};
  if (is_bpffs(places.own_bpffs)) return Bpffs{places.own_bpffs, false};
  return std::nullopt;
}

Result<Bpffs> find_or_mount_bpffs(const Places& places) {
  if (auto found = find_bpffs(places)) return *std::move(found);
  std::error_code error;
  std::filesystem::create_directories(places.own_bpffs, error);
  if (error)
    return Error{"cannot make " + places.own_bpffs + ": " + error.message(), error.value()};
  if (::mount("bpf", places.own_bpffs.c_str(), "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC,
              "mode=0700") != 0) {
    Error refused = refusal("cannot mount a bpffs on " + places.own_bpffs, errno, {CAP_SYS_ADMIN});
    std::filesystem::remove(places.own_bpffs, error);
    return refused;
  }
  return Bpffs{places.own_bpffs, false};
}

void leave_bpffs(const Bpffs& bpffs) {
  if (!bpffs.shared) {
    if (has_folders(bpffs.directory)) return;
    if (::umount2(bpffs.directory.c_str(), UMOUNT_NOFOLLOW) != 0) return;
  }
  ::rmdir(bpffs.directory.c_str());
}

}  // namespace xm
