#include "agent/store/secure_file.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>

#include "agent/mesh/text_lines.hpp"
#include "xdpmesh/fd.hpp"

namespace xm {
namespace {

constexpr std::size_t kMaxPrivateFile = 65536;
constexpr mode_t kReadByOthers = 0077;
constexpr mode_t kWrittenByOthers = 0022;

std::string octal(mode_t mode) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "%04o", mode & 07777U);
  return text.data();
}

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// A name in a shell's command.
std::string quoted(const std::string& path) {
  if (path.find_first_not_of(
          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-") ==
      std::string::npos) {
    return path;
  }
  std::string out = "'";
  for (const char c : path) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

Status check_owner(const std::string& path, const struct stat& found) {
  if (found.st_uid == 0 || found.st_uid == geteuid()) return {};
  return Error{path + ": expected it to belong to root or to you, got user " +
               std::to_string(found.st_uid) + "; if it is yours: chown " +
               std::to_string(geteuid()) + " " + quoted(path)};
}

Status check_file(const std::string& path, const struct stat& found, mode_t refused,
                  const std::string& who, const std::string& mend) {
  if (!S_ISREG(found.st_mode)) return Error{path + ": expected a regular file"};
  if (Status owner = check_owner(path, found); !owner) return owner;
  if ((found.st_mode & refused) == 0) return {};
  return Error{path + ": others can " + who + " it (mode " + octal(found.st_mode) +
               "); mend it: chmod " + mend + " " + quoted(path)};
}

// Reads to the end, at most `most` bytes, into a text that may be a secret.
template <typename Text>
Status read_all(int fd, const std::string& path, std::size_t most, Text& text) {
  text.resize(most + 1);
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(fd, text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error(path + ": cannot be read");
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > most) {
    return Error{path + ": expected at most " + std::to_string(most) + " bytes"};
  }
  text.resize(size);
  return {};
}

template <typename Text>
Result<Text> read_checked(const std::string& path, std::size_t most, mode_t refused,
                          const std::string& who, const std::string& mend) {
  // O_NONBLOCK: a FIFO in its place must not hold us up.
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) {
    if (errno == ELOOP) return Error{path + ": expected a file, got a symbolic link", ELOOP};
    return errno_error(path + ": cannot be opened");
  }
  struct stat found {};
  if (::fstat(fd.get(), &found) != 0) return errno_error(path + ": fstat");
  if (const Status checked = check_file(path, found, refused, who, mend); !checked) {
    return checked.error();
  }
  Text text;
  if (const Status read = read_all(fd.get(), path, most, text); !read) return read.error();
  return text;
}

Status write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t put = ::write(fd, content.data(), content.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return errno_error("write");
    content.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

Status sync_directory(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return errno_error(path + ": cannot be synced");
  return {};
}

// A file beside `path` that is gone again unless it was given a name.
class TemporaryFile {
 public:
  TemporaryFile(const std::string& path, mode_t mode, const FileOwner* owner)
      : name_(directory_of(path) + "/." + path.substr(path.rfind('/') + 1) + "." +
              std::to_string(getpid())) {
    // One that a crashed process of this number left is not anyone's any more.
    ::unlink(name_.c_str());
    fd_ = Fd(::open(name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (fd_ && owner != nullptr && ::fchown(fd_.get(), owner->user, owner->group) != 0) {
      fd_ = Fd();
    }
    // The mode as asked for, whatever the umask.
    if (fd_ && ::fchmod(fd_.get(), mode) != 0) fd_ = Fd();
  }
  ~TemporaryFile() {
    if (!renamed_) ::unlink(name_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  [[nodiscard]] const Fd& fd() const { return fd_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] bool give_name(const std::string& path, Existing existing) {
    const unsigned flags = existing == Existing::refuse ? RENAME_NOREPLACE : 0U;
    renamed_ = ::renameat2(AT_FDCWD, name_.c_str(), AT_FDCWD, path.c_str(), flags) == 0;
    return renamed_;
  }

 private:
  std::string name_;
  Fd fd_;
  bool renamed_ = false;
};

}  // namespace

Status write_file_atomically(const std::string& path, std::string_view content, mode_t mode,
                             Existing existing, const FileOwner* owner) {
  TemporaryFile file(path, mode, owner);
  if (!file.fd()) return errno_error(file.name() + ": cannot be made");
  if (const Status written = write_all(file.fd().get(), content); !written) {
    return Error{file.name() + ": " + written.error().what, written.error().os_errno};
  }
  if (::fsync(file.fd().get()) != 0) return errno_error(file.name() + ": cannot be synced");
  if (!file.give_name(path, existing)) return errno_error(path + ": cannot be written");
  return sync_directory(directory_of(path));
}

Status remove_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0) return errno_error(path + ": cannot be removed");
  return sync_directory(directory_of(path));
}

Result<SecretText> read_private_file(const std::string& path) {
  return read_checked<SecretText>(path, kMaxPrivateFile, kReadByOthers, "read", "600");
}

Result<std::string> read_trusted_file(const std::string& path) {
  return read_checked<std::string>(path, kMaxTextFile, kWrittenByOthers, "write", "go-w");
}

Status check_directory(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return errno_error(path + ": cannot be looked at");
  if (!S_ISDIR(found.st_mode)) return Error{path + ": expected a directory", ENOTDIR};
  if (Status owner = check_owner(path, found); !owner) return owner;
  if ((found.st_mode & kWrittenByOthers) == 0) return {};
  return Error{path + ": others can write in it (mode " + octal(found.st_mode) +
               "); mend it: chmod go-w " + quoted(path)};
}

Status make_directory(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) {
    return errno_error(path + ": cannot be made");
  }
  return check_directory(path);
}

Result<std::vector<std::string>> list_directory(const std::string& path) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), &::closedir);
  if (!directory) {
    if (errno == ENOENT) return names;
    return errno_error(path + ": cannot be listed");
  }
  errno = 0;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is this function's own
  while (const dirent* entry = ::readdir(directory.get())) {
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  if (errno != 0) return errno_error(path + ": cannot be listed");
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace xm
