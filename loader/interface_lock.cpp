#include "loader/interface_lock.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "xdpmesh/network_namespace.hpp"

namespace xm {
namespace {

std::string lock_path(const std::string& run_directory, std::uint32_t ifindex) {
  return run_directory + "/" + name_in_namespace("attach-" + std::to_string(ifindex)) + ".lock";
}

// The whole file, for writing.
struct flock whole_file() {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

// What the holder wrote; empty just after it has taken the lock.
std::string written_owner(int file) {
  std::array<char, 32> text{};
  const ssize_t length = ::pread(file, text.data(), text.size(), 0);
  return length > 0 ? std::string(text.data(), static_cast<std::size_t>(length)) : std::string();
}

Error owned(const std::string& name, int file) {
  const std::string process = written_owner(file);
  return Error{"an xdp-mesh agent" + (process.empty() ? "" : " (process " + process + ")") +
                   " already owns " + name + ": `xdp-mesh detach " + name + "` makes it let go",
               EBUSY};
}

// Whether `path` still leads to the file that is locked: the last holder may have removed it.
bool is_current(int file, const std::string& path) {
  struct stat locked {};
  struct stat named {};
  return ::fstat(file, &locked) == 0 && ::stat(path.c_str(), &named) == 0 &&
         locked.st_ino == named.st_ino && locked.st_dev == named.st_dev;
}

}  // namespace

Result<InterfaceLock> InterfaceLock::take(const std::string& run_directory, std::uint32_t ifindex,
                                          const std::string& name) {
  std::error_code error;
  std::filesystem::create_directories(run_directory, error);
  if (error) return Error{"cannot make " + run_directory + ": " + error.message(), error.value()};
  const std::string path = lock_path(run_directory, ifindex);
  while (true) {
    Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) return errno_error("cannot open the lock " + path);
    struct flock lock = whole_file();
    if (::fcntl(file.get(), F_OFD_SETLK, &lock) != 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EACCES) return owned(name, file.get());
      return errno_error("cannot lock " + path);
    }
    if (!is_current(file.get(), path)) continue;
    const std::string process = std::to_string(::getpid());
    if (::ftruncate(file.get(), 0) != 0 ||
        ::pwrite(file.get(), process.data(), process.size(), 0) < 0) {
      return errno_error("cannot write to " + path);
    }
    return InterfaceLock(std::move(file), path);
  }
}

std::string InterfaceLock::owner(const std::string& run_directory, std::uint32_t ifindex) {
  const Fd file(::open(lock_path(run_directory, ifindex).c_str(), O_RDONLY | O_CLOEXEC));
  struct flock lock = whole_file();
  if (!file || ::fcntl(file.get(), F_OFD_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) return {};
  const std::string process = written_owner(file.get());
  return process.empty() ? "unknown" : process;
}

void InterfaceLock::remove() {
  if (!file_) return;
  ::unlink(path_.c_str());
  file_.reset();
}

}  // namespace xm
