// `xdp-mesh status`: asks running agents over their control sockets.
#pragma once

#include <cstdio>
#include <string>

#include "agent/cli/options.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// The agent's reply to {"request":"status"}, one line without its end. Waits a few seconds at most.
[[nodiscard]] Result<std::string> request_status(const std::string& socket_path);

// Prints the status that is asked for on `out` and what is wrong on `err`; returns the exit code.
[[nodiscard]] int show_status(const StatusCommand& command, const std::string& directory,
                              std::FILE* out, std::FILE* err);

}  // namespace xm
