// `xdp-mesh down`: asks an agent to stop, and waits until it has.
#pragma once

#include <string>

#include "agent/cli/attach_client.hpp"
#include "agent/cli/options.hpp"
#include "xdpmesh/clock.hpp"

namespace xm {

// Returns the exit code: 0 when the process has ended within `patience`.
[[nodiscard]] int stop_agent(const DownCommand& command, const std::string& directory,
                             Duration patience, const Printer& print);

}  // namespace xm
