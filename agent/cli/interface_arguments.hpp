// The commands about a network interface: `attach`, `detach` and `doctor`.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "agent/cli/attach_arguments.hpp"
#include "agent/cli/options.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

class InterfaceArguments {
 public:
  // Adds the subcommands; this object has to live until `app` has parsed.
  InterfaceArguments(CLI::App& app, const char* footer);

  [[nodiscard]] bool parsed() const;
  // Of the one that was parsed. The error is one of wrong use.
  [[nodiscard]] Result<Command> take() const;

 private:
  [[nodiscard]] Result<Command> take_attach() const;

  CLI::App* attach_app_;
  CLI::App* detach_app_;
  CLI::App* doctor_app_;
  AttachArguments attach_options_;
  AttachArguments doctor_options_;
  std::string interface_;
  std::string to_;
  bool dry_run_ = false;
  bool list_ = false;
  bool json_ = false;
};

}  // namespace xm
