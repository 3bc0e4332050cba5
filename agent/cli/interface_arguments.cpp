#include "agent/cli/interface_arguments.hpp"

#include <utility>

#include "agent/ctl/attach.hpp"

namespace xm {
namespace {

constexpr const char* kTo = "The agent, by its tunnel interface";

Error no_name(const std::string& interface) {
  return Error{"'" + interface +
               "' is no name for an interface: " + interface_name_fault(interface)};
}

}  // namespace

InterfaceArguments::InterfaceArguments(CLI::App& app, const char* footer)
    : attach_app_(app.add_subcommand(
          "attach", "Let a running agent receive from a network interface\nby XDP and AF_XDP")),
      detach_app_(app.add_subcommand("detach", "Undo an attach, also that of an agent that died")),
      doctor_app_(app.add_subcommand(
          "doctor", "Say what an attach would do here, and what stands\nin its way")) {
  attach_app_->add_option("IF", interface_, "The network interface")->type_name("");
  attach_app_->add_option("--to", to_, std::string(kTo) + "\n(default: the only one that runs)")
      ->type_name("WGIF");
  attach_options_.add_to(*attach_app_);
  attach_app_->add_flag("--dry-run", dry_run_, "Change nothing, say what would happen");
  attach_app_->add_flag("--list", list_, "Show what is attached, instead of attaching");
  attach_app_->add_flag("--json", json_, "Print the agent's reply");
  attach_app_->footer(footer);

  detach_app_->add_option("IF", interface_, "The network interface")->type_name("")->required();
  detach_app_->add_option("--to", to_, std::string(kTo) + "\n(default: the one that holds it)")
      ->type_name("WGIF");
  detach_app_->footer(footer);

  doctor_app_->add_option("IF", interface_, "The network interface (default: all but loopback)")
      ->type_name("");
  doctor_options_.add_to(*doctor_app_);
  doctor_app_->footer(footer);
}

bool InterfaceArguments::parsed() const {
  return attach_app_->parsed() || detach_app_->parsed() || doctor_app_->parsed();
}

Result<Command> InterfaceArguments::take_attach() const {
  AttachCommand command;
  command.to = to_;
  command.list = list_;
  command.json = json_;
  if (list_) {
    if (!interface_.empty())
      return Error{"--list: expected no interface, got '" + interface_ + "'"};
    return Command(std::move(command));
  }
  if (interface_.empty()) {
    return Error{"expected the name of an interface, as in `xdp-mesh attach eth0`, or --list"};
  }
  if (!interface_name_fault(interface_).empty()) return no_name(interface_);
  auto request = attach_options_.take(interface_);
  if (!request) return Error{"--" + request.error().what};
  command.request = std::move(*request);
  command.request.dry_run = dry_run_;
  return Command(std::move(command));
}

Result<Command> InterfaceArguments::take() const {
  if (attach_app_->parsed()) return take_attach();
  if (!interface_.empty() && !interface_name_fault(interface_).empty()) return no_name(interface_);
  if (detach_app_->parsed()) return Command(DetachCommand{interface_, to_});
  // Any name does for a judgement of the options.
  auto request = doctor_options_.take(interface_.empty() ? "any" : interface_);
  if (!request) return Error{"--" + request.error().what};
  request->interface = interface_;
  return Command(DoctorCommand{std::move(*request)});
}

}  // namespace xm
