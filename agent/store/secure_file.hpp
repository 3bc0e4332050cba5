// Files that hold keys or say whom to trust: written whole or not at all, and read only when nobody
// else could have read (keys) or written (trust) them. Any thread.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "agent/crypto/secret_text.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

enum class Existing : std::uint8_t { replace, refuse };

struct FileOwner {
  uid_t user = 0;
  gid_t group = 0;
};

// Writes a new file beside `path` (O_EXCL, `mode` from the start), syncs it, gives it the name, and
// syncs the directory: after a crash there is the old file or the new one. With Existing::refuse an
// existing `path` is EEXIST and stays. `owner`: null for this process's.
[[nodiscard]] Status write_file_atomically(const std::string& path, std::string_view content,
                                           mode_t mode, Existing existing = Existing::replace,
                                           const FileOwner* owner = nullptr);

// Removes a file and syncs its directory; one that is not there is ENOENT.
[[nodiscard]] Status remove_file(const std::string& path);

// A file of at most 64 KB that is regular, not a symbolic link, belongs to this user or root, and
// gives group and others nothing. The error names the command that mends it.
[[nodiscard]] Result<SecretText> read_private_file(const std::string& path);

// A file of at most kMaxTextFile bytes (agent/mesh/text_lines.hpp) that is regular, belongs to this
// user or root, and that nobody else may write.
[[nodiscard]] Result<std::string> read_trusted_file(const std::string& path);

// Whether `path` is a directory of this user or root that nobody else may write: who could, could
// put his own files in place of ours.
[[nodiscard]] Status check_directory(const std::string& path);

// Makes a directory with that mode unless it is there; then check_directory().
[[nodiscard]] Status make_directory(const std::string& path, mode_t mode);

// The names of the files in a directory, in order, without those that begin with a dot. A directory
// that is not there has none.
[[nodiscard]] Result<std::vector<std::string>> list_directory(const std::string& path);

}  // namespace xm
