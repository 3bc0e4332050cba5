// `xdp-mesh attach` and `detach`: asks a running agent over its control socket.
#pragma once

#include <cstdio>
#include <functional>
#include <string>

#include "agent/cli/options.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// What a person sees: data on `out`, what is wrong on `err`.
struct Printer {
  std::FILE* out;
  std::FILE* err;
};

// The only agent, or the one that `to` names. The error lists the agents that there are, or says
// how to start one; its errno is ENOENT when none runs.
[[nodiscard]] Result<std::string> choose_agent(const std::string& to, const std::string& directory);

// Each returns the exit code.
[[nodiscard]] int attach(const AttachCommand& command, const std::string& directory,
                         const Printer& print);
[[nodiscard]] int list_attached(const AttachCommand& command, const std::string& directory,
                                const Printer& print);

// Removes what a dead agent left on an interface: Attachment::remove_remains(). The errno is
// EBUSY when a living agent owns it, ENOENT when there is nothing.
using RemoveRemains = std::function<Status(const std::string& interface)>;

// Asks the agent that holds the interface, wherever --to is missing; with no such agent removes
// remains.
[[nodiscard]] int detach(const DetachCommand& command, const std::string& directory,
                         const RemoveRemains& remove_remains, const Printer& print);

}  // namespace xm
