// The command lines of keygen, export, trust, revoke, org and config.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/cli/mesh_command.hpp"
#include "agent/cli/options.hpp"

namespace xm {

// Lives as long as the parser that it hangs its subcommands on.
class MeshArguments {
 public:
  explicit MeshArguments(CLI::App& app);
  MeshArguments(const MeshArguments&) = delete;
  MeshArguments& operator=(const MeshArguments&) = delete;

  // After the parse: what is asked for, or what is wrong with it (without a final newline); nothing
  // when none of these subcommands was given.
  [[nodiscard]] std::optional<Result<MeshCommand>> take(const Environment& environment) const;

 private:
  using Action = MeshCommand::Action;

  CLI::App* add(CLI::App& to, Action action, const char* name, const char* description);
  void add_what(CLI::App& app, const char* name, const char* description, bool required = true);
  void add_grants(CLI::App& app);
  void add_signing(CLI::App& app);

  std::vector<std::pair<CLI::App*, Action>> apps_;
  MeshCommand command_;
  std::vector<std::string> names_;
  std::vector<std::string> addresses_;
  std::vector<std::string> subnets_;
};

}  // namespace xm
