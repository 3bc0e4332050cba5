// Reports that go into files.
#pragma once

#include <cstdio>
#include <string>

#include "xdpmesh/result.hpp"

namespace xm {

// Replaces what the file held. The error names it.
[[nodiscard]] Status write_file(const std::string& path, const std::string& text);

// False when not all of it arrived, as on a full disk.
[[nodiscard]] bool write_all(std::FILE* to, const std::string& text);

}  // namespace xm
