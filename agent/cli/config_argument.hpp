// How a command line names an interface's configuration.
#pragma once

#include <string>

#include "agent/store/config.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// `what` itself when it has a slash or ends with ".toml", else DIRECTORY/WHAT.toml.
[[nodiscard]] std::string config_path(const std::string& what, const std::string& directory);

// Reads and parses it; the file's name must be one for an interface.
[[nodiscard]] Result<LoadedConfig> load_named_config(const std::string& path);

}  // namespace xm
