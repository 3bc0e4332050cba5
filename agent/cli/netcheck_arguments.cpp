#include "agent/cli/netcheck_arguments.hpp"

#include <unistd.h>

#include "agent/store/key_directory.hpp"

namespace xm {

NetcheckArguments::NetcheckArguments(CLI::App& app, const char* footer)
    : app_(app.add_subcommand("netcheck",
                              "Say what the network allows: UDP, public addresses, NAT")) {
  app_->add_option("NAME", command_.what,
                   "An interface, or its configuration file, whose STUN\nservers are asked")
      ->type_name("");
  app_->add_option("--stun", stun_, "Ask this STUN server, too; repeat for more")
      ->type_name("HOST:PORT")
      ->allow_extra_args(false);
  app_->add_option("--dir", command_.directory,
                   "Where NAME.toml is (default: /etc/xdp-mesh, for others\n"
                   "than root ~/.config/xdp-mesh)")
      ->type_name("DIRECTORY");
  app_->add_flag("--json", command_.json, "Print one JSON object");
  app_->footer(footer);
}

Result<NetcheckCommand> NetcheckArguments::take(const Environment& environment) const {
  NetcheckCommand command = command_;
  for (const std::string& text : stun_) {
    const auto server = HostPort::parse(text);
    if (!server) {
      return Error{"--stun: expected HOST:PORT, as in stun.example.org:3478, got '" + text + "'"};
    }
    command.stun.push_back(*server);
  }
  if (!command.what.empty() && command.directory.empty()) {
    const auto path = KeyDirectory::default_path(::geteuid() == 0, environment);
    if (!path) return path.error();
    command.directory = path.value();
  }
  return command;
}

}  // namespace xm
