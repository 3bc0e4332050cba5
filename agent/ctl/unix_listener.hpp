// Making a listening Unix stream socket that only its owner and a group can reach, and taking one
// over.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "xdpmesh/fd.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// Listens at `path` with mode 0600 from the first instant, whatever the umask; its missing parent
// directories are made with mode 0755. A socket left there by a dead process is replaced; one that
// answers is an error (EADDRINUSE), as is anything that is no socket (EEXIST). With a group the
// socket is given to it and gets mode 0660 before anybody can connect.
[[nodiscard]] Result<Fd> listen_on_unix_path(const std::string& path,
                                             std::optional<gid_t> group = std::nullopt);

// A group by its name or number.
[[nodiscard]] Result<gid_t> find_group(const std::string& name);

// Takes over a descriptor that someone else has bound and put into listening state. The error
// closes nothing.
[[nodiscard]] Result<Fd> adopt_unix_listener(int fd);

// Where a listener lies in the file system; empty for an unnamed or abstract one.
[[nodiscard]] std::string unix_socket_path(const Fd& listener);

// Connects to the socket at `path`, without waiting. The error's os_errno is the kernel's.
[[nodiscard]] Result<Fd> connect_to_unix_path(const std::string& path);

}  // namespace xm
