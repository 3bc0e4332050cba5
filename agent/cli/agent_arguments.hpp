// The command lines of `peers`, `resolve`, `ping` and `down`: questions to running agents.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "agent/cli/options.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

class AgentArguments {
 public:
  // Adds the subcommands; this object has to live until `app` has parsed.
  AgentArguments(CLI::App& app, const char* footer);

  [[nodiscard]] bool parsed() const;
  // Of the one that was parsed. The error is one of wrong use.
  [[nodiscard]] Result<Command> take() const;

 private:
  CLI::App* peers_app_;
  CLI::App* resolve_app_;
  CLI::App* ping_app_;
  CLI::App* down_app_;
  std::string interface_;
  std::string member_;
  std::uint32_t count_ = 4;
  bool json_ = false;
};

}  // namespace xm
