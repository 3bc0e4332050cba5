// Whether an agent can carry packets: its device, its sockets and the interfaces that it is
// attached to. Its peers have no part in it: an agent is as ready with none that answers.
#pragma once

#include <string>

#include "agent/ctl/status.hpp"

namespace xm {

// What is missing, as a sentence; empty when nothing is.
[[nodiscard]] std::string readiness_fault(const StatusView& view);

}  // namespace xm
