// Finding running agents by their control sockets, and asking one of them.
#pragma once

#include <string>
#include <vector>

#include "xdpmesh/clock.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// The names of all control sockets in `directory`, sorted; none when there is no such directory.
[[nodiscard]] Result<std::vector<std::string>> list_agents(const std::string& directory);

// The names of the sockets to ask: the one that is meant by `interface`, or all when it is empty;
// an error when there is none. An interface's name means the agent of this network namespace, else
// the only one that has it in another.
[[nodiscard]] Result<std::vector<std::string>> choose_agents(const std::string& interface,
                                                             const std::string& directory);

[[nodiscard]] std::string agent_socket_path(const std::string& name, const std::string& directory);

// One request line and its reply, both without their ends. Waits as long as `patience` for each
// piece of it. The errno is ECONNREFUSED when the agent was killed.
[[nodiscard]] Result<std::string> ask_agent(const std::string& socket_path,
                                            const std::string& request, Duration patience);

}  // namespace xm
