#include "agent/cli/agent_arguments.hpp"

#include <utility>

namespace xm {
namespace {

constexpr std::uint32_t kMostPings = 65535;

void add_member(CLI::App& app, const char* name, const char* description, std::string& member) {
  app.add_option(name, member, description)
      ->type_name("")
      ->required()
      ->check(CLI::Validator(
          [](const std::string& text) {
            return text.empty() ? std::string("expected a name") : std::string();
          },
          ""));
}

}  // namespace

AgentArguments::AgentArguments(CLI::App& app, const char* footer)
    : peers_app_(app.add_subcommand("peers", "Show the members of a mesh, as its agent sees them")),
      resolve_app_(app.add_subcommand("resolve", "Print a member's addresses in the mesh")),
      ping_app_(app.add_subcommand(
          "ping", "Ask a member for an answer through the tunnel, and\nsay which path it took")),
      down_app_(app.add_subcommand("down", "Stop an agent, and wait until it is gone")) {
  peers_app_->add_option("IFNAME", interface_, "The interface (default: every mesh's)")
      ->type_name("");
  peers_app_->add_flag("--json", json_, "One JSON object a line, one line a mesh");

  constexpr const char* kMember = "A member: its name (NAME or NAME.mesh), address or\nidentity";
  add_member(*resolve_app_, "NAME", kMember, member_);
  add_member(*ping_app_, "PEER", kMember, member_);
  ping_app_->add_option("-c,--count", count_, "How often, a second apart (default: 4)")
      ->type_name("N")
      ->check(CLI::Range(std::uint32_t{1}, kMostPings).description(""));
  for (CLI::App* one : {resolve_app_, ping_app_}) {
    one->add_option("--interface", interface_,
                    "The mesh, by its interface (default: any of this\nnetwork namespace)")
        ->type_name("IFNAME");
  }

  down_app_->add_option("IFNAME", interface_, "The agent's interface")->type_name("")->required();
  for (CLI::App* one : {peers_app_, resolve_app_, ping_app_, down_app_}) one->footer(footer);
}

bool AgentArguments::parsed() const {
  return peers_app_->parsed() || resolve_app_->parsed() || ping_app_->parsed() ||
         down_app_->parsed();
}

Result<Command> AgentArguments::take() const {
  if (peers_app_->parsed()) return Command(PeersCommand{interface_, json_});
  if (resolve_app_->parsed()) return Command(ResolveCommand{member_, interface_});
  if (ping_app_->parsed()) return Command(PingCommand{member_, interface_, count_});
  if (interface_.empty()) {
    return Error{"expected the name of an interface, as in `xdp-mesh down wg0`"};
  }
  return Command(DownCommand{interface_});
}

}  // namespace xm
