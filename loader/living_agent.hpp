// Whether an agent lives whose lock cannot be seen: one with another run directory that shares the
// bpffs and the interfaces, such as a pod beside the host's agent. Inside loader/ only.
#pragma once

#include <string>

#include "loader/pins.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// Whether somebody still writes heartbeats to the maps that are pinned there: the agent's own
// (every 250 ms) or a worker's. Waits while it cannot be told, until half a second after the last
// one: for long where an agent has died just now, not at all where one died a while ago. Of maps of
// another ABI nothing is known.
[[nodiscard]] bool is_agent_alive(const Pins& pins);

// An agent that is alive owns `interface`: EBUSY, and what to do.
[[nodiscard]] Error owned_by_unseen_agent(const std::string& interface, const Pins& pins);

}  // namespace xm
