// `xdp-mesh status --watch`.
#pragma once

#include <cstdio>
#include <string>

#include "agent/cli/options.hpp"

namespace xm {

// Once a second: in a terminal (and without --json) a view that fits it, until q or a signal;
// agents that go and come are shown as they are. Elsewhere the text, headed by the time, or with
// --json a line an agent, until one that is asked does not answer (exit 1) or the reader goes.
//
// Returns the exit code; a signal that ends it has its usual effect once the screen is restored.
[[nodiscard]] int watch_status(const StatusCommand& command, const std::string& directory,
                               std::FILE* out, std::FILE* err);

}  // namespace xm
