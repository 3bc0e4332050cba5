#include "agent/cli/status_client.hpp"

#include <unistd.h>

#include <utility>

#include "agent/cli/agent_client.hpp"
#include "agent/ctl/status.hpp"

namespace xm {
namespace {

constexpr Duration kPatience = 5s;
constexpr const char* kRequest = "{\"request\":\"status\"}";

// As it is printed, with its end.
Result<std::string> rendered(const std::string& line, bool json) {
  if (!json) return status_text(line);
  return line + "\n";
}

}  // namespace

StatusReplies ask_status(const StatusCommand& command, const std::string& directory) {
  StatusReplies replies;
  const auto chosen = choose_agents(command.interface, directory);
  if (!chosen) {
    replies.errors.push_back(chosen.error().what);
    return replies;
  }
  for (const std::string& name : chosen.value()) {
    const std::string path = agent_socket_path(name, directory);
    auto line = ask_agent(path, kRequest, kPatience);
    if (!line && line.error().os_errno == ECONNREFUSED && command.interface.empty()) {
      // A killed agent's: removed, as wg(8) does with configuration sockets.
      ::unlink(path.c_str());
      continue;
    }
    Status usable = line ? check_reply(line.value()) : Status(line.error());
    if (usable) {
      replies.lines.push_back(std::move(line).value());
    } else {
      replies.errors.push_back(usable.error().what);
    }
  }
  if (replies.lines.empty() && replies.errors.empty()) {
    replies.errors.push_back("no agent runs: no socket in " + directory + " answers");
  }
  return replies;
}

int show_status(const StatusCommand& command, const std::string& directory, std::FILE* out,
                std::FILE* err) {
  StatusReplies replies = ask_status(command, directory);
  bool first = true;
  for (const std::string& line : replies.lines) {
    const auto text = rendered(line, command.json);
    if (!text) {
      replies.errors.push_back(text.error().what);
      continue;
    }
    if (!std::exchange(first, false) && !command.json) std::fputs("\n", out);
    std::fputs(text.value().c_str(), out);
  }
  for (const std::string& error : replies.errors) {
    std::fprintf(err, "xdp-mesh: %s\n", error.c_str());
  }
  if (std::fflush(out) != 0) return 1;
  return replies.errors.empty() ? 0 : 1;
}

}  // namespace xm
