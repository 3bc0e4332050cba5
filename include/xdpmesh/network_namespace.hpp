// Which network namespace this is, and names that tell its interfaces from those of others.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace xm {

namespace detail {

// NET_NS_INIT_INO of the kernel's <linux/nsfs.h>, from 6.18: where /proc/1 is not ours to read.
inline constexpr std::uint64_t kInitialNetworkNamespace = 0xEFFFFFF9;

[[nodiscard]] inline std::uint64_t inode_of(const char* path) {
  struct stat entry {};
  return ::stat(path, &entry) == 0 ? entry.st_ino : 0;
}

}  // namespace detail

// The inode of the calling thread's network namespace; 0 when /proc does not say.
[[nodiscard]] inline std::uint64_t network_namespace_inode() {
  return detail::inode_of("/proc/thread-self/ns/net");
}

// `name` itself, and outside the initial network namespace "NAME@INODE": for directories that all
// namespaces share.
[[nodiscard]] inline std::string name_in_namespace(std::string_view name) {
  const std::uint64_t ours = network_namespace_inode();
  std::uint64_t initial = detail::inode_of("/proc/1/ns/net");
  if (initial == 0) initial = detail::kInitialNetworkNamespace;
  std::string scoped(name);
  if (ours != 0 && ours != initial) scoped += "@" + std::to_string(ours);
  return scoped;
}

}  // namespace xm
