// `xdp-mesh ping`: does a member answer through the tunnel, how fast, and over which path.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "agent/cli/attach_client.hpp"
#include "agent/cli/options.hpp"
#include "agent/io/icmp_echo.hpp"
#include "xdpmesh/addr.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// Opens what pings an address through an interface: EchoSocket::open().
using OpenEcho =
    std::function<Result<std::unique_ptr<Echo>>(const IpAddress& to, const std::string& interface)>;
// Waits between two requests.
using Pause = std::function<void(Duration)>;

// Sends command.count requests, a second apart. After each it asks the agent for the path. Returns
// the exit code: 0 when there was an answer.
[[nodiscard]] int ping_member(const PingCommand& command, const std::string& directory,
                              const OpenEcho& open_echo, const Pause& pause, const Printer& print);

}  // namespace xm
