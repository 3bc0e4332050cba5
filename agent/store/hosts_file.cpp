#include "agent/store/hosts_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdlib>
#include <thread>
#include <utility>

#include "agent/store/secure_file.hpp"
#include "xdpmesh/fd.hpp"

namespace xm {
namespace {

constexpr std::size_t kMaxHostsFile = std::size_t{4} << 20;
constexpr mode_t kNewMode = 0644;
constexpr std::string_view kZone = ".mesh";

// Takes the first line, with its end.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = end == std::string_view::npos ? text : text.substr(0, end + 1);
  text.remove_prefix(line.size());
  return line;
}

std::string_view without_end(std::string_view line) {
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  return line;
}

// "ADDRESS NAME.mesh", as we write it.
bool is_entry(std::string_view line) {
  const std::size_t space = line.find(' ');
  return space != std::string_view::npos && line.ends_with(kZone) &&
         line.find(' ', space + 1) == std::string_view::npos &&
         IpAddress::parse(line.substr(0, space)).has_value();
}

std::string block_of(const std::string& begin, const std::string& end,
                     const std::vector<HostsEntry>& entries) {
  if (entries.empty()) return {};
  std::string block = begin + "\n";
  for (const HostsEntry& entry : entries) {
    block += entry.address.to_string() + " " + entry.name + "\n";
  }
  return block + end + "\n";
}

// Where the name leads, so that a link stays one; itself when it leads nowhere.
std::string real_path(const std::string& path) {
  std::array<char, PATH_MAX> real{};
  return ::realpath(path.c_str(), real.data()) == nullptr ? path : real.data();
}

bool is_same_file(int fd, const std::string& path, struct stat& found) {
  struct stat named {};
  return ::fstat(fd, &found) == 0 && ::stat(path.c_str(), &named) == 0 &&
         found.st_dev == named.st_dev && found.st_ino == named.st_ino;
}

// Against agents of other interfaces, that one does not undo what the other writes. Whoever may
// read the file may hold the lock: then we go without.
void lock_for_a_while(int fd) {
  constexpr int kAttempts = 5;
  for (int attempt = 0; ::flock(fd, LOCK_EX | LOCK_NB) != 0 && attempt < kAttempts; ++attempt) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

// Opened, and locked until it is closed. ENOENT: there is none.
Result<Fd> open_locked(const std::string& path, struct stat& found) {
  while (true) {
    Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd) return errno_error(path + ": cannot be opened");
    lock_for_a_while(fd.get());
    // Who had the lock before may have put another file in its place.
    if (is_same_file(fd.get(), path, found)) return fd;
  }
}

Result<std::string> read_whole(int fd, const std::string& path) {
  std::string text;
  std::array<char, 65536> piece;
  while (text.size() <= kMaxHostsFile) {
    const ssize_t got = ::read(fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error(path + ": cannot be read");
    if (got == 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(got));
  }
  return Error{path + ": expected a hosts file of at most " + std::to_string(kMaxHostsFile) +
               " bytes"};
}

// For a file that no other can take the name of.
Status write_over(const std::string& path, std::string_view text) {
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return errno_error(path + ": cannot be written");
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t put =
        ::pwrite(fd.get(), text.data() + done, text.size() - done, static_cast<off_t>(done));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return errno_error(path + ": cannot be written");
    done += static_cast<std::size_t>(put);
  }
  if (::ftruncate(fd.get(), static_cast<off_t>(text.size())) != 0 || ::fsync(fd.get()) != 0) {
    return errno_error(path + ": cannot be written");
  }
  return {};
}

}  // namespace

std::string with_hosts_block(std::string_view text, const std::string& interface,
                             const std::vector<HostsEntry>& entries) {
  const std::string begin = "# xdp-mesh " + interface + " begin";
  const std::string end = "# xdp-mesh " + interface + " end";
  std::string block = block_of(begin, end, entries);
  std::string out;
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    if (without_end(line) != begin) {
      out += line;
      continue;
    }
    while (!text.empty()) {
      std::string_view rest = text;
      const std::string_view within = without_end(take_line(rest));
      if (within != end && !is_entry(within)) break;
      text = rest;
      if (within == end) break;
    }
    out += std::exchange(block, {});
  }
  if (block.empty()) return out;
  if (!out.empty() && out.back() != '\n') out += '\n';
  return out + block;
}

Status HostsFile::set(const std::vector<HostsEntry>& entries) const {
  const std::string path = real_path(path_);
  struct stat found {};
  const auto file = open_locked(path, found);
  if (!file) {
    if (file.error().os_errno != ENOENT) return file.error();
    if (entries.empty()) return {};
    return write_file_atomically(path, with_hosts_block({}, interface_, entries), kNewMode);
  }
  if (!S_ISREG(found.st_mode)) return Error{path + ": expected a regular file"};
  const auto before = read_whole(file.value().get(), path);
  if (!before) return before.error();
  const std::string after = with_hosts_block(before.value(), interface_, entries);
  if (after == before.value()) return {};
  const FileOwner owner{found.st_uid, found.st_gid};
  if (write_file_atomically(path, after, found.st_mode & 07777U, Existing::replace, &owner)) {
    return {};
  }
  return write_over(path, after);
}

}  // namespace xm
