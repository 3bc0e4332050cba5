#include "agent/bench/tunnel.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <system_error>
#include <utility>

#include "agent/bench/socket_client.hpp"
#include "agent/crypto/random.hpp"
#include "agent/crypto/x25519.hpp"
#include "agent/ctl/unix_listener.hpp"

namespace xm::bench {
namespace {

constexpr Duration kStartPatience = 10s;
constexpr Duration kStopPatience = 3s;
constexpr Duration kPollInterval = 20ms;
constexpr useconds_t kStopPollMicroseconds = 5000;
constexpr std::uint16_t kPort = 51820;
constexpr std::array<const char*, 2> kInnerAddress{"10.77.0.1", "10.77.0.2"};

Instant now() {
  return SystemClock().now();
}

}  // namespace

Result<std::unique_ptr<Tunnel>> Tunnel::start(const Lab& lab, const Contestant& contestant,
                                              const std::string& prefix) {
  std::unique_ptr<Tunnel> tunnel(new Tunnel(lab, contestant.kind == ContestantKind::plain));
  if (tunnel->plain_) return tunnel;
  for (const End end : kEnds) {
    if (auto started = tunnel->start_end(end, contestant, prefix); !started) return started.error();
  }
  if (auto done = tunnel->configure_ends(); !done) return done.error();
  for (const End end : kEnds) {
    if (auto up = tunnel->bring_up(end); !up) return up.error();
  }
  if (auto answered = tunnel->shake_hands(); !answered) return answered.error();
  return tunnel;
}

Tunnel::~Tunnel() {
  for (const End end : kEnds) stop_end(end);
}

const char* Tunnel::address(End end) const {
  return (plain_ ? kOuterAddress : kInnerAddress)[index_of(end)];
}

std::string Tunnel::uapi_path(End end) const {
  return std::string(kUapiDirectory) + "/" + ends_[index_of(end)].interface + ".sock";
}

Status Tunnel::start_end(End end, const Contestant& contestant, const std::string& prefix) {
  Process& process = ends_[index_of(end)];
  process.interface = prefix + (end == End::a ? 'a' : 'b');
  // Each variable is one implementation's way to stay in the foreground, root and quiet.
  auto child = Child::start({command_for(contestant, process.interface),
                             lab_->network_namespace(end),
                             {{"WG_PROCESS_FOREGROUND", "1"},
                              {"WG_SUDO", "1"},
                              {"LOG_LEVEL", "error"},
                              {"WG_LOG_LEVEL", "error"}}});
  if (!child) return child.error();
  process.child = std::move(child).value();
  if (auto listens = wait_until_it_listens(end); !listens) return listens;
  process.all = lab_->processes(end);
  return {};
}

Status Tunnel::wait_until_it_listens(End end) {
  const Instant deadline = now() + kStartPatience;
  Interrupts& interrupts = lab_->interrupts();
  while (!connect_to_unix_path(uapi_path(end))) {
    if (interrupts.requested()) return interrupted();
    // One that ended well may have left a daemon behind.
    const auto ended = ends_[index_of(end)].child->poll_end();
    const bool gone = ended && lab_->processes(end).empty();
    if (gone || now() > deadline) {
      return Error{"never opened " + uapi_path(end) + ": " + describe_end_of(end)};
    }
    interrupts.wait_readable(-1, kPollInterval);
  }
  return {};
}

std::string Tunnel::describe_end_of(End end) {
  Child& child = *ends_[index_of(end)].child;
  const auto code = child.poll_end();
  return (code ? "it ended with exit code " + std::to_string(*code) : std::string("it still ran")) +
         "; it said: " + last_lines(child.errors() + child.output());
}

Status Tunnel::configure_ends() const {
  SystemRandom random;
  const std::array<Key, 2> keys{generate_private_key(random), generate_private_key(random)};
  for (const End end : kEnds) {
    const std::size_t there = index_of(other(end));
    EndConfiguration configuration;
    configuration.private_key = keys[index_of(end)].clone();
    configuration.peer_key = public_key(keys[there]);
    configuration.peer_endpoint = std::string(kOuterAddress[there]) + ":" + std::to_string(kPort);
    configuration.peer_allowed_ip = std::string(kInnerAddress[there]) + "/32";
    configuration.listen_port = kPort;
    const std::string request = configuration_request(configuration);
    if (auto done = configure(uapi_path(end), request, lab_->interrupts()); !done) return done;
  }
  return {};
}

Status Tunnel::bring_up(End end) const {
  const std::string& interface = ends_[index_of(end)].interface;
  const std::string address = std::string(kInnerAddress[index_of(end)]) + "/24";
  if (auto done = lab_->ip(end, {"address", "add", address, "dev", interface}); !done) return done;
  return lab_->ip(end, {"link", "set", interface, "mtu", "1420", "up"});
}

Status Tunnel::shake_hands() const {
  if (!find_on_path("ping")) return {};  // the first connection will
  const auto answered =
      run({{"ping", "-n", "-q", "-c", "1", "-i", "0.2", "-w", "10", address(End::b)},
           lab_->network_namespace(End::a)},
          lab_->interrupts(), 20s);
  if (answered) return {};
  return Error{"its two ends do not reach each other: " + answered.error().what,
               answered.error().os_errno};
}

double Tunnel::cpu_seconds_of(End end) const {
  return cpu_seconds(ends_[index_of(end)].all);
}

Memory Tunnel::memory(End end) const {
  return memory_of(ends_[index_of(end)].all);
}

std::string Tunnel::death() {
  if (plain_) return {};
  for (const End end : kEnds) {
    if (lab_->processes(end).empty()) {
      return std::string("end ") + (end == End::a ? "a" : "b") +
             " is gone: " + describe_end_of(end);
    }
  }
  return {};
}

Status Tunnel::add_silent_peers(End end, std::uint32_t count) {
  return configure(uapi_path(end), silent_peers_request(1, count), lab_->interrupts());
}

Result<std::string> Tunnel::status(End end) const {
  // The socket's name has the namespace's number behind the interface's.
  std::error_code error;
  for (std::filesystem::directory_iterator entry(kControlDirectory, error), last;
       !error && entry != last; entry.increment(error)) {
    if (!entry->path().filename().string().starts_with(ends_[index_of(end)].interface)) continue;
    return ask(entry->path().string(), "{\"request\":\"status\"}\n", "\n", lab_->interrupts(), 5s);
  }
  return Error{std::string("there is no socket of the agent in ") + kControlDirectory};
}

void Tunnel::stop_end(End end) {
  Process& process = ends_[index_of(end)];
  if (!process.child) return;
  const auto end_all = [&](int signal) {
    for (const pid_t running : lab_->processes(end)) ::kill(running, signal);
    const Instant deadline = now() + kStopPatience;
    while (!lab_->processes(end).empty() && now() < deadline) ::usleep(kStopPollMicroseconds);
  };
  end_all(SIGTERM);
  end_all(SIGKILL);
  process.child.reset();
  for (const pid_t orphan : process.all) ::waitpid(orphan, nullptr, WNOHANG);
  ::unlink(uapi_path(end).c_str());
}

}  // namespace xm::bench
