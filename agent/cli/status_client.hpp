// `xdp-mesh status`: asks running agents over their control sockets.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "agent/cli/options.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// What the agents answered that are meant by the command.
struct StatusReplies {
  std::vector<std::string> lines;   // of status_json(), in the order of the agents' names
  std::vector<std::string> errors;  // of agents that did not answer with one, and of finding them
};
[[nodiscard]] StatusReplies ask_status(const StatusCommand& command, const std::string& directory);

// Prints the status that is asked for on `out` and what is wrong on `err`; returns the exit code.
[[nodiscard]] int show_status(const StatusCommand& command, const std::string& directory,
                              std::FILE* out, std::FILE* err);

}  // namespace xm
