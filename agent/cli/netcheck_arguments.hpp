// The command line of netcheck.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "agent/cli/netcheck.hpp"
#include "agent/cli/options.hpp"

namespace xm {

class NetcheckArguments {
 public:
  // Adds the subcommand; this object has to live until `app` has parsed.
  NetcheckArguments(CLI::App& app, const char* footer);

  [[nodiscard]] bool parsed() const { return app_->parsed(); }
  // What is asked for; the error is one of wrong use.
  [[nodiscard]] Result<NetcheckCommand> take(const Environment& environment) const;

 private:
  CLI::App* app_;
  NetcheckCommand command_;
  std::vector<std::string> stun_;
};

}  // namespace xm
