#include "agent/ctl/unix_listener.hpp"

#include <fcntl.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <charconv>
#include <cstring>
#include <utility>
#include <vector>

namespace xm {
namespace {

constexpr int kBacklog = 64;

Status make_directories(const std::string& directory) {
  for (std::size_t slash = directory.find('/', 1);; slash = directory.find('/', slash + 1)) {
    const std::string part = directory.substr(0, slash);
    if (::mkdir(part.c_str(), 0755) < 0) {
      if (errno != EEXIST) return errno_error("cannot make the directory " + part);
    } else if (::chmod(part.c_str(), 0755) < 0) {  // the umask may have taken bits away
      return errno_error("cannot set the mode of the directory " + part);
    }
    if (slash == std::string::npos) return {};
  }
}

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return Error{"the socket path " + path + " has " + std::to_string(path.size()) +
                     " bytes, at most " + std::to_string(sizeof address.sun_path - 1) + " fit",
                 ENAMETOOLONG};
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

Result<Fd> make_socket() {
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return errno_error("cannot make a Unix socket");
  return fd;
}

// Something has the path already: makes room if a dead process left it.
Status remove_if_stale(const std::string& path) {
  struct stat entry {};
  if (::lstat(path.c_str(), &entry) < 0) {
    return errno == ENOENT ? Status() : Status(errno_error("cannot look at " + path));
  }
  if (!S_ISSOCK(entry.st_mode)) {
    return Error{path + " is in the way and is no socket: remove it", EEXIST};
  }
  const auto probe = connect_to_unix_path(path);
  // EAGAIN: it lives, and its backlog is full.
  if (probe || probe.error().os_errno == EAGAIN) {
    return Error{path + " answers: an agent for this interface is already running", EADDRINUSE};
  }
  if (probe.error().os_errno == ENOENT) return {};
  if (probe.error().os_errno != ECONNREFUSED) return probe.error();
  if (::unlink(path.c_str()) < 0 && errno != ENOENT) {
    return errno_error("cannot remove the stale socket " + path);
  }
  return {};
}

// Nobody connects yet: a socket that does not listen refuses.
Status give_to_group(const std::string& path, gid_t group) {
  constexpr auto kSameUser = static_cast<uid_t>(-1);
  if (::lchown(path.c_str(), kSameUser, group) < 0) {
    return errno_error("cannot give " + path + " to group " + std::to_string(group));
  }
  if (::chmod(path.c_str(), 0660) < 0) return errno_error("cannot set the mode of " + path);
  return {};
}

}  // namespace

Result<Fd> connect_to_unix_path(const std::string& path) {
  const auto address = address_of(path);
  if (!address) return address.error();
  auto fd = make_socket();
  if (!fd) return fd;
  if (::connect(fd->get(), reinterpret_cast<const sockaddr*>(&address.value()),
                sizeof(sockaddr_un)) < 0) {
    return errno_error("cannot connect to " + path);
  }
  return fd;
}

Result<gid_t> find_group(const std::string& name) {
  gid_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (!name.empty() && error == std::errc{} && end == name.data() + name.size()) return number;
  std::vector<char> memory(std::size_t{1} << 16);
  group entry{};
  group* found = nullptr;
  if (const int failed = ::getgrnam_r(name.c_str(), &entry, memory.data(), memory.size(), &found);
      failed != 0) {
    return errno_error("cannot look up the group '" + name + "'", failed);
  }
  if (found == nullptr) {
    return Error{"there is no group '" + name + "': expected a name of /etc/group or a number",
                 ENOENT};
  }
  return found->gr_gid;
}

Result<Fd> listen_on_unix_path(const std::string& path, std::optional<gid_t> group) {
  const auto address = address_of(path);
  if (!address) return address.error();
  const std::size_t slash = path.rfind('/');
  if (slash != std::string::npos && slash != 0) {
    if (auto made = make_directories(path.substr(0, slash)); !made) return made.error();
  }
  constexpr int kAttempts = 4;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    auto fd = make_socket();
    if (!fd) return fd;
    // Linux gives the directory entry the mode of the socket (net/unix/af_unix.c,
    // unix_bind_bsd()): no moment at which others may connect, and no process-wide umask to change.
    if (::fchmod(fd->get(), 0600) < 0) return errno_error("cannot set the mode of a socket");
    if (::bind(fd->get(), reinterpret_cast<const sockaddr*>(&address.value()),
               sizeof(sockaddr_un)) < 0) {
      if (errno != EADDRINUSE) return errno_error("cannot bind " + path);
      if (auto removed = remove_if_stale(path); !removed) return removed.error();
      continue;
    }
    if (group) {
      if (auto given = give_to_group(path, *group); !given) return given.error();
    }
    if (::listen(fd->get(), kBacklog) < 0) return errno_error("cannot listen on " + path);
    // Until listen() the socket refused, and wg(8) removes sockets that refuse.
    if (struct stat entry{}; ::lstat(path.c_str(), &entry) == 0) return fd;
  }
  return Error{path + " is removed or taken again and again by another process", EADDRINUSE};
}

Result<Fd> adopt_unix_listener(int fd) {
  const auto option = [fd](int name) {
    int value = -1;
    socklen_t length = sizeof value;
    return ::getsockopt(fd, SOL_SOCKET, name, &value, &length) < 0 ? -1 : value;
  };
  if (option(SO_DOMAIN) != AF_UNIX || option(SO_TYPE) != SOCK_STREAM ||
      option(SO_ACCEPTCONN) != 1) {
    return Error{"descriptor " + std::to_string(fd) + " is no listening Unix stream socket",
                 EINVAL};
  }
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
      ::fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
    return errno_error("cannot set the flags of descriptor " + std::to_string(fd));
  }
  return Fd(fd);
}

std::string unix_socket_path(const Fd& listener) {
  sockaddr_un address{};
  socklen_t length = sizeof address;
  if (::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length) < 0) return {};
  // Of a relative path no one knows any more where it started; an abstract one starts with a zero.
  if (address.sun_path[0] != '/') return {};
  return {address.sun_path, ::strnlen(address.sun_path, sizeof address.sun_path)};
}

}  // namespace xm
