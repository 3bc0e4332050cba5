#include "agent/bench/lab.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "agent/bench/child.hpp"
#include "agent/bench/process_stat.hpp"

namespace xm::bench {
namespace {

constexpr const char* kOwnNetwork = "/proc/self/ns/net";

Result<Fd> open_own_network() {
  Fd network(::open(kOwnNetwork, O_RDONLY | O_CLOEXEC));
  if (!network) return errno_error(std::string("cannot open ") + kOwnNetwork);
  return network;
}

// A new network namespace; this process is in it afterwards.
Result<Fd> enter_new_network() {
  if (::unshare(CLONE_NEWNET) < 0) return errno_error("cannot make a network namespace");
  return open_own_network();
}

}  // namespace

Result<Lab> Lab::make(Interrupts& interrupts) {
  auto home = open_own_network();
  if (!home) return home.error();
  Lab lab(interrupts);
  for (const End end : kEnds) {
    auto host = enter_new_network();
    if (!host) return host.error();
    lab.hosts_[index_of(end)] = std::move(host).value();
  }
  if (::setns(home->get(), CLONE_NEWNET) < 0) {
    return errno_error("cannot go back to the own network namespace");
  }
  // ip(8) takes a path for a namespace; this process's descriptors are where it can see them.
  const std::string host_b = "/proc/" + std::to_string(::getpid()) + "/fd/" +
                             std::to_string(lab.network_namespace(End::b));
  if (auto joined = lab.ip(End::a, {"link", "add", kLabInterface, "type", "veth", "peer", "name",
                                    kLabInterface, "netns", host_b});
      !joined) {
    return joined.error();
  }
  for (const End end : kEnds) {
    const std::string address = std::string(kOuterAddress[index_of(end)]) + "/24";
    for (const std::vector<std::string>& arguments :
         {std::vector<std::string>{"link", "set", "lo", "up"},
          {"address", "add", address, "dev", kLabInterface},
          {"link", "set", kLabInterface, "up"}}) {
      if (auto done = lab.ip(end, arguments); !done) return done.error();
    }
  }
  return lab;
}

Status Lab::ip(End end, std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), "ip");
  const auto ended = run({std::move(arguments), network_namespace(end)}, *interrupts_, 10s);
  return ended ? Status{} : Status{ended.error()};
}

std::vector<pid_t> Lab::processes(End end) const {
  struct stat network {};
  if (::fstat(network_namespace(end), &network) < 0) return {};
  return processes_in_network(network.st_ino);
}

}  // namespace xm::bench
