#include "agent/cli/agent_client.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "agent/ctl/control_server.hpp"
#include "agent/ctl/unix_listener.hpp"
#include "xdpmesh/network_namespace.hpp"

namespace xm {
namespace {

constexpr std::size_t kMaxReply = std::size_t{256} << 20;
constexpr std::string_view kSuffix = ".sock";

std::string join(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

// Which socket is meant by an interface's name: the one of this network namespace, or the full
// name, or the only one of another namespace.
Result<std::string> find_agent(const std::string& interface, const std::string& directory) {
  const auto listed = list_agents(directory);
  if (!listed) return listed.error();
  const std::vector<std::string>& names = listed.value();
  const auto is_there = [&](const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (const std::string ours = control_socket_name(interface); is_there(ours)) return ours;
  if (is_there(interface)) return interface;
  std::vector<std::string> elsewhere;
  for (const std::string& name : names) {
    if (name.starts_with(interface + "@")) elsewhere.push_back(name);
  }
  if (elsewhere.size() == 1) return elsewhere.front();
  if (!elsewhere.empty()) {
    return Error{"agents for " + interface +
                 " run in several network namespaces: expected one of " + join(elsewhere)};
  }
  return Error{"no agent runs for " + interface + ": there is no " + directory + "/" + interface +
               ".sock" + (names.empty() ? "" : "; running: " + join(names))};
}

Error explain(const Error& error, const std::string& socket_path) {
  switch (error.os_errno) {
    case EACCES:
    case EPERM:
      return Error{"no permission for " + socket_path + ": run as root", error.os_errno};
    case ECONNREFUSED:
      return Error{"the agent of " + socket_path + " was killed: nothing answers there",
                   error.os_errno};
    default:
      return error;
  }
}

}  // namespace

std::string agent_socket_path(const std::string& name, const std::string& directory) {
  return directory + "/" + name + std::string(kSuffix);
}

Result<std::vector<std::string>> list_agents(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string file = entry->path().filename().string();
    if (file.ends_with(kSuffix)) names.push_back(file.substr(0, file.size() - kSuffix.size()));
  }
  if (error == std::errc::permission_denied) {
    return Error{"no permission for " + directory + ": run as root", EACCES};
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::vector<std::string>> choose_agents(const std::string& interface,
                                               const std::string& directory) {
  if (interface.empty()) {
    auto names = list_agents(directory);
    if (names && names->empty()) {
      return Error{"no agent runs: there is no socket in " + directory};
    }
    return names;
  }
  auto name = find_agent(interface, directory);
  if (!name) return name.error();
  return std::vector<std::string>{std::move(name).value()};
}

Result<std::string> ask_agent(const std::string& socket_path, const std::string& request,
                              Duration patience) {
  const auto socket = connect_to_unix_path(socket_path);
  if (!socket) return explain(socket.error(), socket_path);
  const std::string line = request + "\n";
  const int fd = socket.value().get();
  if (::send(fd, line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size())) {
    return errno_error("cannot send to " + socket_path);
  }
  std::string reply;
  std::array<char, 65536> piece;
  while (reply.size() < kMaxReply) {
    pollfd readable{fd, POLLIN, 0};
    if (::poll(&readable, 1, static_cast<int>(patience / 1ms)) == 0) {
      return Error{"the agent of " + socket_path + " does not answer"};
    }
    const ssize_t got = ::recv(fd, piece.data(), piece.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (got < 0) return errno_error("cannot read from " + socket_path);
    if (got == 0) return Error{"the agent of " + socket_path + " went away in its reply"};
    reply.append(piece.data(), static_cast<std::size_t>(got));
    if (reply.back() == '\n') {
      reply.pop_back();
      return reply;
    }
  }
  return Error{"the reply of " + socket_path + " is larger than " + std::to_string(kMaxReply) +
               " bytes"};
}

}  // namespace xm
