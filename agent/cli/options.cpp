#include "agent/cli/options.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdint>
#include <utility>

#include "agent/cli/aead_words.hpp"
#include "agent/cli/agent_arguments.hpp"
#include "agent/cli/attach_arguments.hpp"
#include "agent/cli/bench_arguments.hpp"
#include "agent/cli/bench_parts_arguments.hpp"
#include "agent/cli/interface_arguments.hpp"
#include "agent/cli/mesh_arguments.hpp"
#include "agent/cli/netcheck_arguments.hpp"
#include "agent/store/key_directory.hpp"
#include "xdpmesh/version.hpp"

namespace xm {
namespace {

constexpr int kWrongUse = 2;

constexpr const char* kDescription =
    "xdp-mesh: a WireGuard agent in user space.\n"
    "\n"
    "  xdp-mesh [OPTIONS] IFNAME   makes the tunnel device IFNAME and runs in the background\n"
    "                              once wg(8) can configure it. Removing the device, or\n"
    "                              SIGTERM, ends it.\n"
    "\n"
    "A drop-in for wireguard-go:  WG_QUICK_USERSPACE_IMPLEMENTATION=xdp-mesh wg-quick up wg0";

constexpr const char* kExitStatus = "Exit status: 0 success, 1 failure, 2 wrong use.";

constexpr const char* kStartFooter =
    "Environment (options win over it):\n"
    "  WG_PROCESS_FOREGROUND=1     as --foreground\n"
    "  WG_THREADS=N                as --workers N\n"
    "  LOG_LEVEL=LEVEL             as --log-level LEVEL; debug is verbose\n"
    "  WG_TUN_FD=FD                an open TUN device to use instead of making one\n"
    "  WG_UAPI_FD=FD               a listening Unix socket to use for the configuration\n"
    "\n"
    "Files:\n"
    "  /var/run/wireguard/IFNAME.sock   configuration socket, for wg(8)\n"
    "  /run/xdp-mesh/IFNAME.sock        control socket, for `xdp-mesh status`\n"
    "                                   and `attach`; elsewhere than in the first network\n"
    "                                   namespace IFNAME@INODE.sock\n"
    "\n"
    "Exit status: 0 success, 1 failure, 2 wrong use.";

constexpr const char* kUpFooter =
    "The configuration's least is one line, mesh = \"home\"; `xdp-mesh config show --defaults`\n"
    "prints every key. Options here win over it. Trust, seeds and routes are read again when\n"
    "their files change, and on SIGHUP.\n"
    "\n"
    "Exit status: 0 success, 1 failure, 2 wrong use.";

// What the start form takes, as text: judged after CLI11, together with the environment.
struct StartArguments {
  std::string interface;
  bool foreground = false;
  std::uint32_t workers = 0;
  std::string aead = "auto";
  std::string io = "auto";
  bool io_sqpoll = false;
  std::string handoff = "auto";
  std::uint32_t busy_poll = 0;
  std::uint32_t mtu = 0;
  std::string log_level;
  std::vector<std::string> attach;
  bool keep_attached = false;
  std::string control_group;
  std::string metrics;
};

// The same check without its text in the help, where the description says it better.
CLI::Validator silent(CLI::Validator validator) {
  return validator.description("");
}

void add_start_options(CLI::App& app, StartArguments& start) {
  app.add_option("IFNAME", start.interface, "Name of the interface, at most 15 bytes")
      ->type_name("");
  app.add_flag("-f,--foreground", start.foreground, "Stay in the foreground, log to stderr");
  app.add_option("--workers", start.workers,
                 "Worker threads, 1 to 64 (default: one a core of\n"
                 "the CPU affinity and quota, at most 8)")
      ->type_name("N")
      ->check(silent(CLI::Range(std::uint32_t{1}, kMaxWorkers)));
  app.add_option("--aead", start.aead,
                 "Engine for ChaCha20-Poly1305: auto (default;\n"
                 "measured at start), ipsec-mb, boringssl, openssl,\n"
                 "libsodium, af-alg (the kernel's)")
      ->type_name("ENGINE")
      ->check(silent(CLI::IsMember(aead_words())));
  app.add_option("--io", start.io,
                 "How packets come and go: auto (default), syscall,\n"
                 "uring (io_uring, Linux 6.0 or later)")
      ->type_name("KIND")
      ->check(silent(CLI::IsMember({"auto", "syscall", "uring"})));
  app.add_flag("--io-sqpoll", start.io_sqpoll,
               "With --io uring: a kernel thread a worker takes\n"
               "requests, at the price of the processor it polls on");
  app.add_option("--handoff", start.handoff,
                 "Share the batches of a busy worker with idle ones:\n"
                 "auto (default; by load), on, off")
      ->type_name("WHEN")
      ->check(silent(CLI::IsMember({"auto", "on", "off"})));
  app.add_option("--busy-poll", start.busy_poll,
                 "Microseconds for which the kernel polls the network\n"
                 "card before a receive sleeps; 50 is a good value\n"
                 "(default: 0, off)")
      ->type_name("US")
      ->check(silent(CLI::Range(0U, 1'000'000U)));
  app.add_option("--mtu", start.mtu, "MTU of the interface, 68 to 65535 (default: 1420)")
      ->type_name("N")
      ->check(silent(CLI::Range(68U, 65535U)));
  app.add_option("--log-level", start.log_level, "silent, error, info (default) or verbose")
      ->type_name("LEVEL")
      ->check(silent(CLI::IsMember({"silent", "error", "info", "verbose", "debug"})));
}

void add_more_start_options(CLI::App& app, StartArguments& start) {
  app.add_option("--attach", start.attach,
                 "Attach to this network interface when ready, as\n"
                 "`xdp-mesh attach` does, with its options behind\n"
                 "commas: eth0,mode=native,queues=2. Repeatable")
      ->type_name("IF[,...]")
      ->allow_extra_args(false);
  app.add_flag("--keep-attached", start.keep_attached,
               "When it ends, leave XDP programs where they are, as\na crash would: they pass all "
               "packets until the next\nagent adopts them, or `xdp-mesh detach IF`");
  app.add_option("--control-group", start.control_group,
                 "This group's members may use the control socket\n"
                 "too, which is root's power over the tunnel")
      ->type_name("GROUP");
  app.add_option("--metrics", start.metrics,
                 "Serve /metrics for Prometheus, /healthz and /readyz\n"
                 "by HTTP here, as 127.0.0.1:9586. Unencrypted, for\n"
                 "whoever reaches it: public keys, allowed IPs, counts")
      ->type_name("ADDRESS:PORT");
}

std::optional<LogLevel> parse_log_level(std::string_view name) {
  if (name == "silent") return LogLevel::silent;
  if (name == "error") return LogLevel::error;
  if (name == "info") return LogLevel::info;
  if (name == "verbose" || name == "debug") return LogLevel::verbose;
  return std::nullopt;
}

IoRequest::Kind parse_io(std::string_view name) {
  if (name == "uring") return IoRequest::Kind::uring;
  return name == "syscall" ? IoRequest::Kind::syscall : IoRequest::Kind::automatic;
}

HandoffMode parse_handoff(std::string_view name) {
  if (name == "on") return HandoffMode::always;
  return name == "off" ? HandoffMode::never : HandoffMode::automatic;
}

Message wrong_use(const std::string& what) {
  return {"xdp-mesh: " + what + "\nTry `xdp-mesh --help`.\n", kWrongUse};
}

// Sets `value` from a variable that holds a number from `least` to `most`, if it is set. Returns
// what is wrong, or nothing.
template <typename T>
std::string read_number(const Environment& environment, const char* name, T least, T most,
                        std::optional<T>& value) {
  const auto text = environment(name);
  if (!text) return {};
  T number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc{} || end != text->data() + text->size() || number < least ||
      number > most) {
    return std::string(name) + ": expected a number from " + std::to_string(least) + " to " +
           std::to_string(most) + ", got '" + *text + "'";
  }
  value = number;
  return {};
}

// Where an interface's counters are kept: beside keys that are elsewhere than usual, elsewhere too.
Result<std::string> state_directory(const std::string& directory, const Environment& environment) {
  if (!directory.empty()) return directory + "/state";
  if (geteuid() == 0) return std::string("/var/lib/xdp-mesh");
  if (const auto base = environment("XDG_STATE_HOME"); base && base->front() == '/') {
    return *base + "/xdp-mesh";
  }
  if (const auto home = environment("HOME")) return *home + "/.local/state/xdp-mesh";
  return Error{"expected HOME or XDG_STATE_HOME to say where state is kept: use --dir"};
}

Command start_command(const StartArguments& arguments, const Environment& environment) {
  if (arguments.interface.empty()) {
    return wrong_use("expected the name of an interface, as in `xdp-mesh wg0`");
  }
  if (const std::string fault = interface_name_fault(arguments.interface); !fault.empty()) {
    return wrong_use("'" + arguments.interface + "' is no name for an interface: " + fault);
  }
  StartCommand start;
  NodeOptions& node = start.node;
  node.interface = arguments.interface;
  start.foreground = arguments.foreground || environment("WG_PROCESS_FOREGROUND") == "1";

  std::optional<std::uint32_t> threads;
  for (const std::string& fault :
       {read_number(environment, "WG_THREADS", 1U, kMaxWorkers, threads),
        read_number(environment, "WG_TUN_FD", 0, INT32_MAX, node.tun_fd),
        read_number(environment, "WG_UAPI_FD", 0, INT32_MAX, node.uapi_fd)}) {
    if (!fault.empty()) return wrong_use(fault);
  }
  node.workers = arguments.workers != 0 ? arguments.workers : threads.value_or(0);
  node.aead = parse_aead_name(arguments.aead);  // "auto" is none of them
  node.io.kind = parse_io(arguments.io);
  node.io.kernel_thread = arguments.io_sqpoll;
  node.handoff = parse_handoff(arguments.handoff);
  if (node.io.kernel_thread && node.io.kind != IoRequest::Kind::uring) {
    return wrong_use("--io-sqpoll: expected together with --io uring, got --io " + arguments.io);
  }
  node.busy_poll_microseconds = arguments.busy_poll;
  if (arguments.mtu != 0) node.mtu = arguments.mtu;
  node.keep_attached = arguments.keep_attached;
  node.control_group = arguments.control_group;
  if (!arguments.metrics.empty()) {
    const auto address = Endpoint::parse(arguments.metrics);
    if (!address || address->port == 0) {
      return wrong_use("--metrics: expected an address and a port, as 127.0.0.1:9586, got '" +
                       arguments.metrics + "'");
    }
    node.metrics = *address;
  }
  for (const std::string& word : arguments.attach) {
    auto request = parse_attach_word(word);
    if (!request) return wrong_use("--attach " + word + ": " + request.error().what);
    for (const AttachRequest& other : node.attach) {
      if (other.interface == request->interface) {
        return wrong_use("--attach: expected " + other.interface + " once, got it twice");
      }
    }
    node.attach.push_back(std::move(*request));
  }
  // Other programs use LOG_LEVEL too: a level that is not ours is no error.
  const std::string level =
      arguments.log_level.empty() ? environment("LOG_LEVEL").value_or("") : arguments.log_level;
  node.log_level = parse_log_level(level).value_or(LogLevel::info);
  return start;
}

Command up_command(const StartArguments& arguments, const std::string& directory,
                   const Environment& environment) {
  Command started = start_command(arguments, environment);
  auto* const start = std::get_if<StartCommand>(&started);
  if (start == nullptr) return started;
  auto keys = directory.empty() ? KeyDirectory::default_path(geteuid() == 0, environment)
                                : Result<std::string>(directory);
  if (!keys) return wrong_use(keys.error().what);
  auto state = state_directory(directory, environment);
  if (!state) return wrong_use(state.error().what);
  return UpCommand{std::move(*start), std::move(*keys), std::move(*state)};
}

}  // namespace

Command parse_command_line(const std::vector<std::string>& arguments,
                           const Environment& environment) {
  CLI::App app(kDescription, "xdp-mesh");
  app.get_formatter()->column_width(30);
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.set_version_flag("--version", "xdp-mesh " + std::string(kVersion),
                       "Print the version and exit");
  app.footer(kStartFooter);
  app.require_subcommand(0, 1);

  StartArguments top;
  StartArguments run;
  add_start_options(app, top);
  add_more_start_options(app, top);
  CLI::App* run_app = app.add_subcommand(
      "run", "Start an agent, as without `run`; takes any IFNAME (`run status`)");
  add_start_options(*run_app, run);
  add_more_start_options(*run_app, run);
  run_app->footer(kStartFooter);

  StartArguments up;
  std::string up_directory;
  CLI::App* up_app = app.add_subcommand(
      "up", "Start a node of a mesh, as IFNAME.toml in the directory of\nkeys says");
  up_app->footer(kUpFooter);
  add_start_options(*up_app, up);
  add_more_start_options(*up_app, up);
  up_app
      ->add_option("--dir", up_directory,
                   "Directory of keys, trust and configuration\n"
                   "(default: /etc/xdp-mesh; ~/.config/xdp-mesh\nwhere the user is not root)")
      ->type_name("DIR");

  StatusCommand status;
  CLI::App* status_app =
      app.add_subcommand("status", "Show what running agents do: workers, engines, peers, drops");
  status_app->footer(kExitStatus);
  status_app->add_option("IFNAME", status.interface, "The interface (default: every agent's)")
      ->type_name("");
  status_app->add_flag("--json", status.json, "One JSON object a line, one line an agent");
  status_app->add_flag("--watch", status.watch,
                       "Once a second, until q or Ctrl-C; in a terminal as\na view that fits it");

  InterfaceArguments interfaces(app, kExitStatus);
  const AgentArguments agents(app, kExitStatus);

  BenchArguments bench;
  CLI::App* bench_app = app.add_subcommand(
      "bench", "Measure this build beside plain veth and other\nimplementations on this machine");
  bench.add_to(*bench_app);
  bench_app->require_subcommand(0, 1);
  const BenchPartsArguments bench_parts(*bench_app);

  const MeshArguments mesh(app);
  const NetcheckArguments netcheck(app, kExitStatus);

  CompletionCommand completion;
  const std::map<std::string, Shell> shells{
      {"bash", Shell::bash}, {"zsh", Shell::zsh}, {"fish", Shell::fish}};
  std::string shell;
  CLI::App* completion_app = app.add_subcommand(
      "completion", "Print completions for a shell, as in\n`eval \"$(xdp-mesh completion bash)\"`");
  completion_app->footer(kExitStatus);
  completion_app->add_option("SHELL", shell, "bash, zsh or fish")
      ->type_name("")
      ->required()
      ->check(silent(CLI::IsMember({"bash", "zsh", "fish"})));

  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForVersion& version) {
    return Message{std::string(version.what()) + "\n", 0};
  } catch (const CLI::CallForHelp&) {
    return Message{app.help(), 0};
  } catch (const CLI::ParseError& error) {
    return wrong_use(error.what());
  }
  if (!app.get_subcommands().empty()) {
    for (const CLI::Option* option : app.get_options()) {
      if (option->count() != 0) {
        return wrong_use(option->get_name() + " stands before the subcommand `" +
                         app.get_subcommands().front()->get_name() + "`: expected it after");
      }
    }
  }
  if (auto command = mesh.take(environment)) {
    if (!command->ok()) return wrong_use(command->error().what);
    return std::move(*command).value();
  }
  if (netcheck.parsed()) {
    auto command = netcheck.take(environment);
    return command ? Command(std::move(command).value()) : wrong_use(command.error().what);
  }
  if (run_app->parsed()) return start_command(run, environment);
  if (up_app->parsed()) return up_command(up, up_directory, environment);
  if (status_app->parsed()) return status;
  if (interfaces.parsed()) {
    auto command = interfaces.take();
    return command ? std::move(command).value() : wrong_use(command.error().what);
  }
  if (agents.parsed()) {
    auto command = agents.take();
    return command ? std::move(command).value() : wrong_use(command.error().what);
  }
  if (bench_parts.parsed_aead()) return bench_parts.aead();
  if (bench_parts.parsed_path()) return bench_parts.path();
  if (bench_parts.parsed_receive()) return bench_parts.receive();
  if (bench_app->parsed()) {
    auto options = bench.take(*bench_app);
    if (!options) return wrong_use(options.error().what);
    return BenchCommand{std::move(options).value(), run_app->help()};
  }
  if (completion_app->parsed()) {
    completion.shell = shells.at(shell);
    return completion;
  }
  return start_command(top, environment);
}

}  // namespace xm
