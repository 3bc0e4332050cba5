#include "agent/cli/attach_client.hpp"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>
#include <vector>

#include "agent/cli/agent_client.hpp"
#include "agent/ctl/attach.hpp"
#include "agent/ctl/attachment_status.hpp"
#include "agent/ctl/control_server.hpp"
#include "agent/ctl/status.hpp"

namespace xm {
namespace {

// A driver may take its time over a new program, and every queue over its sockets.
constexpr Duration kPatience = 60s;
constexpr Duration kListPatience = 5s;
constexpr const char* kListRequest = "{\"request\":\"interfaces\"}";

int fail(const Printer& print, const std::string& what) {
  std::fprintf(print.err, "xdp-mesh: %s\n", what.c_str());
  return 1;
}

int finish(const Printer& print, const std::string& text, bool success) {
  std::fputs(text.c_str(), print.out);
  return std::fflush(print.out) == 0 && success ? 0 : 1;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

// Whether the agent runs in the network namespace of this process.
bool is_near(const std::string& name) {
  return control_socket_name(name.substr(0, name.find('@'))) == name;
}

// The agents that live: a killed one's socket refuses.
std::vector<std::string> living(const std::vector<std::string>& names,
                                const std::string& directory) {
  std::vector<std::string> alive;
  for (const std::string& name : names) {
    const auto reply = ask_agent(agent_socket_path(name, directory), kListRequest, kListPatience);
    if (reply || reply.error().os_errno != ECONNREFUSED) alive.push_back(name);
  }
  return alive;
}

// The agent that holds the interface of this network namespace; empty when none does.
std::string holder_of(const std::string& interface, const std::vector<std::string>& agents,
                      const std::string& directory) {
  for (const std::string& name : agents) {
    if (!is_near(name)) continue;
    const auto reply = ask_agent(agent_socket_path(name, directory), kListRequest, kListPatience);
    if (reply && holds_interface(reply.value(), interface)) return name;
  }
  return {};
}

int remove_what_is_left(const std::string& interface, const RemoveRemains& remove_remains,
                        const Printer& print) {
  const Status removed = remove_remains(interface);
  if (removed) {
    return finish(print, interface + ": detached: removed what an agent that died had left\n",
                  true);
  }
  if (removed.error().os_errno != ENOENT) return fail(print, removed.error().what);
  return fail(print, "no agent holds " + interface + " and none has left anything on it" +
                         " (see `xdp-mesh attach --list`)");
}

}  // namespace

Result<std::string> choose_agent(const std::string& to, const std::string& directory) {
  if (!to.empty()) {
    auto named = choose_agents(to, directory);
    if (!named) return named.error();
    return std::move(named).value().front();
  }
  const auto listed = list_agents(directory);
  if (!listed) return listed.error();
  const std::vector<std::string> alive = living(listed.value(), directory);
  std::vector<std::string> near;
  std::copy_if(alive.begin(), alive.end(), std::back_inserter(near), is_near);
  if (near.size() == 1) return near.front();
  if (near.empty()) {
    return Error{
        "no agent runs" +
            (alive.empty() ? std::string()
                           : " in this network namespace (elsewhere: " + joined(alive) + ")") +
            ": start one, as in `xdp-mesh wg0`, or attach at its start, as in "
            "`xdp-mesh --attach eth0 wg0`",
        ENOENT};
  }
  return Error{"several agents run: expected --to with one of " + joined(near)};
}

int attach(const AttachCommand& command, const std::string& directory, const Printer& print) {
  const auto agent = choose_agent(command.to, directory);
  if (!agent) return fail(print, agent.error().what);
  const auto reply = ask_agent(agent_socket_path(agent.value(), directory),
                               attach_request_json(command.request), kPatience);
  if (!reply) return fail(print, reply.error().what);
  const auto told = attach_reply_text(reply.value());
  if (!told) return fail(print, told.error().what);
  return finish(print, command.json ? reply.value() + "\n" : told.value().text,
                told.value().success);
}

int list_attached(const AttachCommand& command, const std::string& directory,
                  const Printer& print) {
  const auto agents = choose_agents(command.to, directory);
  if (!agents) return fail(print, agents.error().what);
  std::string text;
  bool success = true;
  for (const std::string& name : living(agents.value(), directory)) {
    const auto reply = ask_agent(agent_socket_path(name, directory), kListRequest, kListPatience);
    const auto told = reply ? interfaces_text(reply.value()) : Result<std::string>(reply.error());
    if (!told) {
      success = false;
      (void)fail(print, told.error().what);
    } else if (command.json) {
      text += reply.value() + "\n";
    } else {
      text += (text.empty() ? "agent: " : "\nagent: ") + name + "\n" +
              (told.value().empty() ? "  attached to nothing\n" : told.value());
    }
  }
  return finish(print, text, success);
}

int detach(const DetachCommand& command, const std::string& directory,
           const RemoveRemains& remove_remains, const Printer& print) {
  std::string agent;
  if (!command.to.empty()) {
    auto named = choose_agent(command.to, directory);
    if (!named) return fail(print, named.error().what);
    agent = std::move(named).value();
  } else {
    const auto listed = list_agents(directory);
    if (!listed) return fail(print, listed.error().what);
    agent = holder_of(command.interface, listed.value(), directory);
  }
  if (agent.empty()) return remove_what_is_left(command.interface, remove_remains, print);
  const auto reply = ask_agent(agent_socket_path(agent, directory),
                               detach_request_json(command.interface), kPatience);
  if (!reply) return fail(print, reply.error().what);
  const auto told = detach_reply_text(reply.value());
  if (!told) return fail(print, told.error().what);
  return finish(print, told.value().text, told.value().success);
}

}  // namespace xm
