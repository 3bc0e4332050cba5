// xdp-mesh: parse, then do the one thing that is asked for.
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "agent/bench/aead_bench.hpp"
#include "agent/bench/bench.hpp"
#include "agent/bench/path_bench.hpp"
#include "agent/bench/peers_bench.hpp"
#include "agent/bench/receive_bench.hpp"
#include "agent/cli/attach_client.hpp"
#include "agent/cli/completion.hpp"
#include "agent/cli/daemon.hpp"
#include "agent/cli/doctor.hpp"
#include "agent/cli/down_client.hpp"
#include "agent/cli/mesh_clients.hpp"
#include "agent/cli/mesh_command.hpp"
#include "agent/cli/netcheck_sockets.hpp"
#include "agent/cli/options.hpp"
#include "agent/cli/ping_client.hpp"
#include "agent/cli/status_client.hpp"
#include "agent/cli/watch.hpp"
#include "agent/node.hpp"
#include "loader/attachment.hpp"
#include "xdpmesh/log.hpp"

namespace {

// Attached interfaces are let go of one by one, and each may take its driver a second or two.
constexpr xm::Duration kStopPatience = std::chrono::seconds(30);

std::optional<std::string> environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): before any thread
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

struct Dispatch {
  int operator()(const xm::StartCommand& start) const {
    xm::log::level = start.node.log_level;
    const xm::Body body = [&](const xm::ReadyNotifier& ready) {
      return xm::run_node(start.node, ready);
    };
    return start.foreground ? xm::run_in_foreground(body) : xm::run_as_daemon(body);
  }
  int operator()(const xm::UpCommand& up) const {
    xm::log::level = up.start.node.log_level;
    const std::string& interface = up.start.node.interface;
    auto setup = xm::load_mesh_setup({interface, up.directory, up.state + "/" + interface});
    if (!setup) {
      return print(stderr, "xdp-mesh: " + setup.error().what + "\n", 1);
    }
    const xm::NodeOptions node = xm::node_options(up.start.node, setup->config);
    const xm::Body body = [&](const xm::ReadyNotifier& ready) {
      return xm::run_mesh_node(node, std::move(*setup), ready);
    };
    return up.start.foreground ? xm::run_in_foreground(body) : xm::run_as_daemon(body);
  }
  int operator()(const xm::StatusCommand& status) const {
    return status.watch ? xm::watch_status(status, control_directory(), stdout, stderr)
                        : xm::show_status(status, control_directory(), stdout, stderr);
  }
  int operator()(const xm::AttachCommand& command) const {
    return command.list ? xm::list_attached(command, control_directory(), {stdout, stderr})
                        : xm::attach(command, control_directory(), {stdout, stderr});
  }
  int operator()(const xm::DetachCommand& command) const {
    const auto remove_remains = [](const std::string& interface) {
      return xm::Attachment::remove_remains(interface);
    };
    return xm::detach(command, control_directory(), remove_remains, {stdout, stderr});
  }
  int operator()(const xm::DoctorCommand& command) const {
    return xm::examine(command.request, xm::MachineFacts(), stdout, stderr);
  }
  int operator()(const xm::PeersCommand& command) const {
    return xm::show_peers(command, control_directory(), {stdout, stderr});
  }
  int operator()(const xm::ResolveCommand& command) const {
    return xm::resolve_name(command, control_directory(), {stdout, stderr});
  }
  int operator()(const xm::PingCommand& command) const {
    const auto pause = [](xm::Duration time) { std::this_thread::sleep_for(time); };
    return xm::ping_member(command, control_directory(), xm::EchoSocket::open, pause,
                           {stdout, stderr});
  }
  int operator()(const xm::DownCommand& command) const {
    return xm::stop_agent(command, control_directory(), kStopPatience, {stdout, stderr});
  }
  int operator()(const xm::BenchCommand& bench) const {
    return xm::run_bench(bench.bench, bench.start_help);
  }
  int operator()(const xm::MeshCommand& mesh) const {
    return xm::run_mesh_command(mesh, stdout, stderr);
  }
  int operator()(const xm::NetcheckCommand& netcheck) const {
    xm::NetcheckSockets sockets;
    return xm::run_netcheck(netcheck, sockets, stdout, stderr);
  }
  int operator()(const xm::CompletionCommand& completion) const {
    return print(stdout, xm::completion_script(completion.shell), 0);
  }
  int operator()(const xm::AeadBenchOptions& bench) const {
    return xm::bench_aead(bench, stdout, stderr);
  }
  int operator()(const xm::PathBenchOptions& bench) const {
    return bench.peers ? xm::bench_peers(bench, stdout, stderr)
                       : xm::bench_path(bench, stdout, stderr);
  }
  int operator()(const xm::ReceiveBenchOptions& bench) const {
    return xm::bench_receive(bench, stdout, stderr);
  }
  int operator()(const xm::Message& message) const {
    return print(message.exit_code == 0 ? stdout : stderr, message.text, message.exit_code);
  }

  static std::string control_directory() { return xm::NodeOptions{}.control_directory; }

  // Output that does not arrive (a full disk) is a failure.
  static int print(std::FILE* to, std::string_view text, int exit_code) {
    std::fwrite(text.data(), 1, text.size(), to);
    return std::fflush(to) == 0 ? exit_code : 1;
  }
};

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  return std::visit(Dispatch{}, xm::parse_command_line(arguments, environment));
}
