#include "agent/cli/options.hpp"

#include <doctest/doctest.h>

#include <map>
#include <sstream>

#include "xdpmesh/version.hpp"

namespace xm {
namespace {

using Variables = std::map<std::string, std::string>;

// The arguments as one text, separated by spaces.
Command parse(const std::string& line, const Variables& variables = {}) {
  std::vector<std::string> arguments;
  std::istringstream words(line);
  for (std::string word; words >> word;) arguments.push_back(word);
  return parse_command_line(arguments, [&](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  });
}

StartCommand start(const std::string& line, const Variables& variables = {}) {
  const Command command = parse(line, variables);
  const auto* message = std::get_if<Message>(&command);
  CAPTURE((message == nullptr ? "" : message->text));
  REQUIRE(std::holds_alternative<StartCommand>(command));
  return std::get<StartCommand>(command);
}

}  // namespace

TEST_CASE("options: a name alone starts in the background with the defaults") {
  for (const char* line : {"wg0", "run wg0"}) {
    const StartCommand command = start(line);
    CHECK_FALSE(command.foreground);
    CHECK(command.node.interface == "wg0");
    CHECK(command.node.workers == 0);
    CHECK_FALSE(command.node.aead.has_value());
    CHECK(command.node.io.kind == IoRequest::Kind::automatic);
    CHECK_FALSE(command.node.io.kernel_thread);
    CHECK(command.node.busy_poll_microseconds == 0);
    CHECK_FALSE(command.node.mtu.has_value());
    CHECK(command.node.log_level == LogLevel::info);
    CHECK_FALSE(command.node.tun_fd.has_value());
    CHECK_FALSE(command.node.uapi_fd.has_value());
    CHECK(command.node.uapi_directory == "/var/run/wireguard");
    CHECK(command.node.control_directory == "/run/xdp-mesh");
  }
}

TEST_CASE("options: every option, before and after the name, with and without run") {
  const std::string options =
      "-f --workers 3 --aead libsodium --io uring --io-sqpoll --busy-poll 50 --mtu 1280 "
      "--log-level error";
  for (const std::string& line :
       {options + " wg0", "wg0 " + options, "run " + options + " wg0", "run wg0 " + options}) {
    CAPTURE(line);
    const StartCommand command = start(line);
    CHECK(command.foreground);
    CHECK(command.node.interface == "wg0");
    CHECK(command.node.workers == 3);
    CHECK(command.node.aead == AeadKind::libsodium);
    CHECK(command.node.io.kind == IoRequest::Kind::uring);
    CHECK(command.node.io.kernel_thread);
    CHECK(command.node.busy_poll_microseconds == 50);
    CHECK(command.node.mtu == 1280);
    CHECK(command.node.log_level == LogLevel::error);
  }
  CHECK(start("--aead auto wg0").node.aead == std::nullopt);
  CHECK(start("--aead ipsec-mb wg0").node.aead == AeadKind::ipsec_mb);
  CHECK(start("--aead openssl wg0").node.aead == AeadKind::openssl);
  CHECK(start("--aead boringssl wg0").node.aead == AeadKind::boringssl);
  CHECK(start("--io syscall wg0").node.io.kind == IoRequest::Kind::syscall);
  CHECK(start("wg0").node.handoff == HandoffMode::automatic);
  CHECK(start("--handoff auto wg0").node.handoff == HandoffMode::automatic);
  CHECK(start("--handoff on wg0").node.handoff == HandoffMode::always);
  CHECK(start("--handoff off wg0").node.handoff == HandoffMode::never);
  CHECK(start("--aead af-alg wg0").node.aead == AeadKind::af_alg);
  CHECK(start("--foreground wg0").foreground);
  CHECK(start("--attach eth0 --keep-attached wg0").node.keep_attached);
  CHECK_FALSE(start("--attach eth0 wg0").node.keep_attached);
  CHECK(start("--log-level debug wg0").node.log_level == LogLevel::verbose);
  CHECK(start("--log-level silent wg0").node.log_level == LogLevel::silent);
}

TEST_CASE("options: a subcommand's word as a name, behind run") {
  CHECK(start("run status").node.interface == "status");
  CHECK(start("run run").node.interface == "run");
}

TEST_CASE("options: the environment of wireguard-go and boringtun") {
  const StartCommand command = start("wg0", {{"WG_PROCESS_FOREGROUND", "1"},
                                             {"WG_THREADS", "5"},
                                             {"WG_TUN_FD", "7"},
                                             {"WG_UAPI_FD", "0"},
                                             {"LOG_LEVEL", "debug"}});
  CHECK(command.foreground);
  CHECK(command.node.workers == 5);
  CHECK(command.node.tun_fd == 7);
  CHECK(command.node.uapi_fd == 0);
  CHECK(command.node.log_level == LogLevel::verbose);

  CHECK_FALSE(start("wg0", {{"WG_PROCESS_FOREGROUND", "0"}}).foreground);
  CHECK(start("--workers 2 wg0", {{"WG_THREADS", "5"}}).node.workers == 2);
  CHECK(start("--log-level error wg0", {{"LOG_LEVEL", "debug"}}).node.log_level == LogLevel::error);
  CHECK(start("wg0", {{"LOG_LEVEL", "silent"}}).node.log_level == LogLevel::silent);
  CHECK(start("wg0", {{"LOG_LEVEL", "notice"}}).node.log_level == LogLevel::info);
}

TEST_CASE("options: wrong use is exit 2 and says what was expected") {
  struct Row {
    std::string line;
    Variables variables;
    std::string words;
  };
  const std::vector<Row> rows{
      {"", {}, "expected the name of an interface"},
      {"run", {}, "expected the name of an interface"},
      {"-f", {}, "expected the name of an interface"},
      {"wg0 wg1", {}, "wg1"},
      {"--frobnicate wg0", {}, "--frobnicate"},
      {"--workers 0 wg0", {}, "1 to 64"},
      {"--workers 65 wg0", {}, "1 to 64"},
      {"--workers many wg0", {}, "many"},
      {"--workers", {}, "--workers"},
      {"--aead rot13 wg0", {}, "libsodium"},
      {"--io epoll wg0", {}, "uring"},
      {"--handoff maybe wg0", {}, "on"},
      {"--io-sqpoll wg0", {}, "together with --io uring"},
      {"--busy-poll -1 wg0", {}, "--busy-poll"},
      {"--busy-poll 1000001 wg0", {}, "0 to 1000000"},
      {"--mtu 67 wg0", {}, "68 to 65535"},
      {"--mtu 65536 wg0", {}, "68 to 65535"},
      {"--log-level loud wg0", {}, "verbose"},
      {"sixteen-bytes-xx", {}, "1 to 15 bytes"},
      {"a/b", {}, "must not contain"},
      {"wg%d", {}, "must not contain"},
      {"..", {}, "reserves"},
      {"-f status", {}, "before the subcommand `status`"},
      {"wg0 status", {}, "before the subcommand `status`"},
      {"status --workers 3", {}, "--workers"},
      {"status a b", {}, "b"},
      {"completion", {}, "SHELL"},
      {"completion csh", {}, "fish"},
      {"attach", {}, "expected the name of an interface, as in `xdp-mesh attach eth0`"},
      {"attach eth0 eth1", {}, "eth1"},
      {"attach a/b", {}, "must not contain"},
      {"attach eth0 --mode fast", {}, "--mode: expected auto, native or generic, got 'fast'"},
      {"attach eth0 --queues 0", {}, "--queues: expected a number from 1 to 64, got 0"},
      {"attach eth0 --zerocopy yes --mode generic", {}, "--zerocopy: expected auto or no"},
      {"attach eth0 --list", {}, "--list: expected no interface"},
      {"attach --frobnicate eth0", {}, "--frobnicate"},
      {"detach", {}, "IF"},
      {"detach ..", {}, "reserves"},
      {"doctor a:b", {}, "must not contain"},
      {"doctor --rx tunnel", {}, "--rx: expected auto, xdp or socket, got 'tunnel'"},
      {"--attach eth0,mode=fast wg0", {}, "--attach eth0,mode=fast: mode: expected auto"},
      {"--attach eth0 --attach eth0,rx=xdp wg0", {}, "expected eth0 once"},
      {"-f attach eth0", {}, "before the subcommand `attach`"},
      {"bench --rounds 0", {}, "1 to 1000"},
      {"bench --seconds 601", {}, "1 to 600"},
      {"bench --rows tcp9", {}, "tcp9"},
      {"bench --rows none", {}, "none"},
      {"bench --aead auto", {}, "auto"},
      {"bench --aead none,openssl", {}, "--aead: expected none or a list"},
      {"bench --io carrier-pigeon", {}, "carrier-pigeon"},
      {"bench --peer wireguard", {}, "expected NAME=COMMAND, got 'wireguard'"},
      {"bench --peer =x", {}, "expected NAME=COMMAND"},
      {"bench --peer x=", {}, "expected NAME=COMMAND"},
      {"bench --peer xdp-mesh=x", {}, "'xdp-mesh' is taken"},
      {"bench --peer a=x --peer a=y", {}, "'a' is taken"},
      {"bench --only a b", {}, "b"},
      {"bench wg0", {}, "wg0"},
      {"-f bench", {}, "before the subcommand `bench`"},
      {"wg0", {{"WG_THREADS", "0"}}, "WG_THREADS: expected a number from 1 to 64, got '0'"},
      {"wg0", {{"WG_THREADS", "2x"}}, "got '2x'"},
      {"wg0", {{"WG_TUN_FD", "-1"}}, "WG_TUN_FD: expected a number from 0"},
      {"wg0", {{"WG_UAPI_FD", "99999999999"}}, "WG_UAPI_FD: expected a number from 0"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    const Command command = parse(row.line, row.variables);
    REQUIRE(std::holds_alternative<Message>(command));
    const auto& message = std::get<Message>(command);
    CAPTURE(message.text);
    CHECK(message.exit_code == 2);
    CHECK(message.text.starts_with("xdp-mesh: "));
    CHECK(message.text.find(row.words) != std::string::npos);
    CHECK(message.text.find("--help") != std::string::npos);
  }
}

TEST_CASE("options: help and version") {
  const Command version = parse("--version");
  CHECK(std::get<Message>(version).text == "xdp-mesh " + std::string(kVersion) + "\n");
  CHECK(std::get<Message>(version).exit_code == 0);

  struct Row {
    const char* line;
    std::vector<const char*> words;
  };
  const std::vector<Row> rows{
      {"--help",
       {"IFNAME", "--foreground", "--workers", "--aead", "--io", "--io-sqpoll", "--busy-poll",
        "--mtu", "--log-level", "--version", "WG_PROCESS_FOREGROUND", "WG_THREADS", "WG_TUN_FD",
        "WG_UAPI_FD", "LOG_LEVEL", "status", "completion", "run", "Exit status"}},
      {"-h", {"IFNAME"}},
      {"run --help", {"IFNAME", "--workers", "WG_TUN_FD"}},
      {"status --help", {"IFNAME", "--json"}},
      {"bench --help",
       {"--rounds", "--seconds", "--quick", "--peer", "--only", "--rows", "--aead", "--io",
        "--json", "--svg", "iperf3", "130"}},
      {"completion --help", {"SHELL", "bash, zsh or fish"}},
      {"attach --help",
       {"--to", "--mode", "--rx", "--queues", "--zerocopy", "--chunks", "--rx-ring", "--fill-ring",
        "--chunk-size", "--busy-poll", "--dry-run", "--list", "--json", "Exit status"}},
      {"detach --help", {"IF", "--to", "Exit status"}},
      {"peers --help", {"IFNAME", "--json", "Exit status"}},
      {"resolve --help", {"NAME", "--interface", "Exit status"}},
      {"ping --help", {"PEER", "--count", "--interface", "Exit status"}},
      {"down --help", {"IFNAME", "Exit status"}},
      {"doctor --help", {"IF", "--mode", "Exit status"}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    const Command command = parse(row.line);
    REQUIRE(std::holds_alternative<Message>(command));
    const auto& message = std::get<Message>(command);
    CHECK(message.exit_code == 0);
    for (const char* word : row.words) {
      CAPTURE(word);
      CHECK(message.text.find(word) != std::string::npos);
    }
  }
}

TEST_CASE("options: status and completion") {
  const auto status = std::get<StatusCommand>(parse("status"));
  CHECK(status.interface.empty());
  CHECK_FALSE(status.json);
  const auto one = std::get<StatusCommand>(parse("status wg0 --json"));
  CHECK(one.interface == "wg0");
  CHECK(one.json);
  CHECK(std::get<CompletionCommand>(parse("completion bash")).shell == Shell::bash);
  CHECK(std::get<CompletionCommand>(parse("completion zsh")).shell == Shell::zsh);
  CHECK(std::get<CompletionCommand>(parse("completion fish")).shell == Shell::fish);
}

TEST_CASE("options: peers, resolve, ping and down") {
  const auto peers = std::get<PeersCommand>(parse("peers"));
  CHECK(peers.interface.empty());
  CHECK_FALSE(peers.json);
  CHECK(std::get<PeersCommand>(parse("peers mesh0 --json")).interface == "mesh0");
  CHECK(std::get<PeersCommand>(parse("peers mesh0 --json")).json);
  const auto resolve = std::get<ResolveCommand>(parse("resolve gate.mesh --interface mesh0"));
  CHECK(resolve.name == "gate.mesh");
  CHECK(resolve.interface == "mesh0");
  const auto ping = std::get<PingCommand>(parse("ping gate"));
  CHECK(ping.peer == "gate");
  CHECK(ping.count == 4);
  CHECK(ping.interface.empty());
  CHECK(std::get<PingCommand>(parse("ping -c 9 gate --interface mesh0")).count == 9);
  CHECK(std::get<PingCommand>(parse("ping -c 9 gate --interface mesh0")).interface == "mesh0");
  CHECK(std::get<DownCommand>(parse("down wg0")).interface == "wg0");
  for (const char* line :
       {"resolve", "ping", "down", "ping gate -c 0", "ping gate -c x", "peers a b", "down a b"}) {
    CAPTURE(line);
    CHECK(std::get<Message>(parse(line)).exit_code == 2);
  }
}

TEST_CASE("options: bench") {
  const auto bench = [](const std::string& line) {
    return std::get<BenchCommand>(parse(line)).bench;
  };
  const BenchOptions all = bench("bench");
  CHECK(all.rounds == 5);
  CHECK(all.seconds == 3);
  CHECK(all.peers.empty());
  CHECK(all.only.empty());
  CHECK(all.rows.empty());
  CHECK_FALSE(all.aead.has_value());
  CHECK_FALSE(all.io.has_value());
  CHECK(all.json_path.empty());
  CHECK(all.svg_path.empty());

  const BenchOptions some = bench(
      "bench --rounds 2 --seconds 7 --peer a=/opt/a=b --peer b=c --only a,xdp-mesh --rows "
      "tcp1,rtt-load --aead openssl,libsodium --io none --json j --svg s");
  CHECK(some.rounds == 2);
  CHECK(some.seconds == 7);
  REQUIRE(some.peers.size() == 2);
  CHECK(some.peers[0].name == "a");
  CHECK(some.peers[0].command == "/opt/a=b");
  CHECK(some.peers[1].name == "b");
  CHECK(some.only == std::vector<std::string>{"a", "xdp-mesh"});
  CHECK(some.rows == std::vector<std::string>{"tcp1", "rtt-load"});
  CHECK(some.aead == std::vector<std::string>{"openssl", "libsodium"});
  CHECK(some.io == std::vector<std::string>{});
  CHECK(some.json_path == "j");
  CHECK(some.svg_path == "s");
  CHECK(std::get<BenchCommand>(parse("bench")).start_help.find("--aead") != std::string::npos);
}

TEST_CASE("options: bench in a hurry, and what wins over it") {
  const auto quick = std::get<BenchCommand>(parse("bench --quick")).bench;
  CHECK(quick.rounds == 1);
  CHECK(quick.seconds == 1);
  CHECK(quick.aead == std::vector<std::string>{});
  CHECK(quick.io == std::vector<std::string>{});
  const auto mixed = std::get<BenchCommand>(parse("bench --quick --rounds 3 --aead openssl")).bench;
  CHECK(mixed.rounds == 3);
  CHECK(mixed.seconds == 1);
  CHECK(mixed.aead == std::vector<std::string>{"openssl"});
}

TEST_CASE("options: attach, detach and doctor") {
  const auto attach = std::get<AttachCommand>(parse(
      "attach eth0 --to wg1 --mode native --rx xdp --queues 2 --zerocopy no --dry-run --json"));
  CHECK(attach.request.interface == "eth0");
  CHECK(attach.to == "wg1");
  CHECK(attach.request.mode == AttachMode::native);
  CHECK(attach.request.rx == ReceiveChoice::xdp);
  CHECK(attach.request.queues == 2);
  CHECK(attach.request.zero_copy == ZeroCopyChoice::no);
  CHECK(attach.request.dry_run);
  CHECK(attach.json);
  CHECK_FALSE(attach.list);
  const auto plain = std::get<AttachCommand>(parse("attach eth0"));
  CHECK(plain.to.empty());
  CHECK_FALSE(plain.request.dry_run);
  CHECK_FALSE(plain.request.queues.has_value());
  CHECK(std::get<AttachCommand>(parse("attach --list")).list);

  const auto detach = std::get<DetachCommand>(parse("detach eth0 --to wg1"));
  CHECK(detach.interface == "eth0");
  CHECK(detach.to == "wg1");
  CHECK(std::get<DoctorCommand>(parse("doctor")).request.interface.empty());
  const auto doctor = std::get<DoctorCommand>(parse("doctor eth0 --mode generic"));
  CHECK(doctor.request.interface == "eth0");
  CHECK(doctor.request.mode == AttachMode::generic);
}

TEST_CASE("options: attaching at the start, and the control socket's group") {
  for (const char* line :
       {"--attach eth0 --attach eth1,mode=generic,queues=3 --control-group wheel wg0",
        "run wg0 --attach eth0 --attach eth1,mode=generic,queues=3 --control-group wheel"}) {
    CAPTURE(line);
    const NodeOptions node = start(line).node;
    REQUIRE(node.attach.size() == 2);
    CHECK(node.attach[0].interface == "eth0");
    CHECK(node.attach[0].mode == AttachMode::automatic);
    CHECK(node.attach[1].interface == "eth1");
    CHECK(node.attach[1].mode == AttachMode::generic);
    CHECK(node.attach[1].queues == 3);
    CHECK(node.control_group == "wheel");
  }
  CHECK(start("wg0").node.attach.empty());
  CHECK(start("wg0").node.control_group.empty());
  CHECK(std::get<StatusCommand>(parse("status --watch")).watch);
  CHECK_FALSE(std::get<StatusCommand>(parse("status")).watch);
}

}  // namespace xm
