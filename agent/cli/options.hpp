// From the command line and the environment to what the program is asked to do.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "agent/cli/mesh_command.hpp"
#include "agent/cli/netcheck.hpp"
#include "agent/ctl/attach.hpp"
#include "agent/ctl/bench_options.hpp"
#include "agent/ctl/bench_parts_options.hpp"
#include "agent/ctl/node_options.hpp"

namespace xm {

// Start an agent for one interface.
struct StartCommand {
  NodeOptions node;
  bool foreground = false;
};

// Start a node of a mesh: interface, keys, trust and configuration are in `directory`.
struct UpCommand {
  StartCommand start;
  std::string directory;
  std::string state;  // of all interfaces; each has a folder in it
};

struct StatusCommand {
  std::string interface;  // empty: every running agent
  bool json = false;
  bool watch = false;  // once a second, until it is ended
};

// Put the XDP program on an interface, or say where it is.
struct AttachCommand {
  AttachRequest request;
  std::string to;     // the agent's interface; empty: the only one
  bool list = false;  // the request is not used
  bool json = false;
};

struct DetachCommand {
  std::string interface;
  std::string to;  // empty: the one that holds it
};

// Show the members of a mesh.
struct PeersCommand {
  std::string interface;  // empty: of every running agent
  bool json = false;
};

// Print a member's addresses.
struct ResolveCommand {
  std::string name;
  std::string interface;  // empty: any mesh's
};

struct PingCommand {
  std::string peer;
  std::string interface;  // empty: any mesh's
  std::uint32_t count = 0;
};

// Stop an agent.
struct DownCommand {
  std::string interface;
};

// Say what attaching would do, and what would stand in its way.
struct DoctorCommand {
  AttachRequest request;  // its interface empty: every interface but loopback
};

// Measure this build beside others.
struct BenchCommand {
  BenchOptions bench;
  std::string start_help;  // of the agent itself: which options it has
};

enum class Shell : std::uint8_t { bash, zsh, fish };

struct CompletionCommand {
  Shell shell = Shell::bash;
};

// Nothing but a text: help or version (exit 0, for stdout), or what is wrong with the use (exit 2,
// for stderr).
struct Message {
  std::string text;  // with its final newline
  int exit_code = 0;
};

using Command = std::variant<StartCommand, UpCommand, StatusCommand, AttachCommand, DetachCommand,
                             DoctorCommand, PeersCommand, ResolveCommand, PingCommand, DownCommand,
                             BenchCommand, AeadBenchOptions, PathBenchOptions, ReceiveBenchOptions,
                             CompletionCommand, MeshCommand, NetcheckCommand, Message>;

// The value of an environment variable, if it is set and not empty.
using Environment = std::function<std::optional<std::string>(const char* name)>;

// `arguments` without the program's name.
[[nodiscard]] Command parse_command_line(const std::vector<std::string>& arguments,
                                         const Environment& environment);

}  // namespace xm
