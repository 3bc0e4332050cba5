// The node: owns the device, the sockets, the workers and the control thread of one interface.
#pragma once

#include <functional>

#include "agent/ctl/node_options.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// Runs until SIGTERM, SIGINT, or the removal of the device or of the configuration socket; returns
// the exit code. `ready` is called exactly once: with success when the device exists and the
// configuration socket answers, or with what went wrong.
//
// The caller has blocked SIGTERM and SIGINT and started no thread: the node takes them from a
// signalfd.
int run_node(const NodeOptions& options, const std::function<void(const Status&)>& ready);

}  // namespace xm
