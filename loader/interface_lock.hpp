// Who owns an interface: a lock on a file, which goes with the process that holds it (an open file
// description lock, fcntl(2)).
//
// The file is RUN/attach-IFINDEX.lock, outside the initial network namespace
// RUN/attach-IFINDEX@INODE.lock: an interface may be renamed. It holds the owner's process id.
#pragma once

#include <cstdint>
#include <string>

#include "xdpmesh/fd.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

class InterfaceLock {
 public:
  // The errno is EBUSY when another agent, or this one, has it; the error names the process.
  // `name` is the interface's, for the error.
  [[nodiscard]] static Result<InterfaceLock> take(const std::string& run_directory,
                                                  std::uint32_t ifindex, const std::string& name);

  // The process that owns the interface now; empty when none does. Only asks: nobody who takes the
  // lock meanwhile is refused for it.
  [[nodiscard]] static std::string owner(const std::string& run_directory, std::uint32_t ifindex);

  InterfaceLock(InterfaceLock&&) noexcept = default;
  InterfaceLock& operator=(InterfaceLock&&) noexcept = default;
  // Lets go of the lock, and leaves the file.
  ~InterfaceLock() = default;

  // Removes the file and lets go.
  void remove();

 private:
  InterfaceLock(Fd file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}

  Fd file_;
  std::string path_;
};

}  // namespace xm
