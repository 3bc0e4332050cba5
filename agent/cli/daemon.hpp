// Becoming a daemon only when there is something to be a daemon for, and keeping keys out of core
// dumps.
#pragma once

#include <functional>

#include "xdpmesh/result.hpp"

namespace xm {

// To be called once by what runs: with success when it serves, or with why it does not.
using ReadyNotifier = std::function<void(const Status&)>;
// The program proper; returns the exit code.
using Body = std::function<int(const ReadyNotifier&)>;

// Runs `body` in a child in a session of its own, and returns in both processes: in the parent 0
// once the body is ready, or 1 after it has printed why it is not; in the child what `body`
// returns. From readiness on the child's stdin, stdout and stderr are /dev/null and it logs to
// syslog. A parent that is killed while it waits takes the child along.
//
// Only while the process has one thread. Prepares the child as prepare_process() does.
[[nodiscard]] int run_as_daemon(const Body& body);

// Runs `body` here. Prepares the process as below.
[[nodiscard]] int run_in_foreground(const Body& body);

// No core dump and no ptrace by other processes of the user; SIGPIPE ignored; SIGTERM, SIGINT
// and SIGHUP blocked in this thread and those it will start, for the body's signalfd.
void prepare_process();

}  // namespace xm
