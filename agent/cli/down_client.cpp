#include "agent/cli/down_client.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "agent/cli/agent_client.hpp"
#include "agent/ctl/status.hpp"
#include "agent/ctl/unix_listener.hpp"
#include "xdpmesh/fd.hpp"

namespace xm {
namespace {

constexpr Duration kReplyPatience = 5s;
constexpr const char* kRequest = "{\"request\":\"stop\"}";

int fail(const Printer& print, const std::string& what) {
  std::fprintf(print.err, "xdp-mesh: %s\n", what.c_str());
  return 1;
}

// The process that listens on a socket (SO_PEERCRED): its descriptor is readable when it has ended.
// None where it is in a process namespace that cannot be seen from here.
Fd process_behind(const std::string& socket_path) {
  const auto socket = connect_to_unix_path(socket_path);
  if (!socket) return {};
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::getsockopt(socket.value().get(), SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0 ||
      peer.pid <= 0) {
    return {};
  }
  return Fd(static_cast<int>(::syscall(SYS_pidfd_open, peer.pid, 0)));
}

bool has_ended(const Fd& process, const std::string& socket_path, Duration wait) {
  pollfd ended{process.get(), POLLIN, 0};  // a negative descriptor is passed over
  const bool over = ::poll(&ended, 1, static_cast<int>(wait / 1ms)) > 0;
  if (process) return over;
  return !connect_to_unix_path(socket_path).ok();
}

}  // namespace

int stop_agent(const DownCommand& command, const std::string& directory, Duration patience,
               const Printer& print) {
  const auto chosen = choose_agents(command.interface, directory);
  if (!chosen) return fail(print, chosen.error().what);
  const std::string path = agent_socket_path(chosen.value().front(), directory);
  const Fd process = process_behind(path);
  const auto reply = ask_agent(path, kRequest, kReplyPatience);
  if (!reply) return fail(print, reply.error().what);
  if (const Status accepted = check_reply(reply.value()); !accepted) {
    return fail(print, accepted.error().what);
  }
  constexpr Duration kLook = 100ms;
  for (Duration waited{}; waited < patience; waited += kLook) {
    if (has_ended(process, path, std::min(kLook, patience - waited))) return 0;
  }
  return fail(print, "the agent of " + command.interface +
                         " said that it stops, and is not gone "
                         "after " +
                         std::to_string(patience / 1s) + " s");
}

}  // namespace xm
