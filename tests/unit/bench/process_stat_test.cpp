#include "agent/bench/process_stat.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "xdpmesh/fd.hpp"

namespace xm::bench {

TEST_CASE("process_stat: ticks of a process whose name is made to confuse") {
  CHECK(parse_process_ticks(
            "31864 (a) R 1 (b) 9) S 1 2 3 0 -1 4194304 99 0 0 0 250 17 0 0 20 0 1") == 267);
  CHECK_FALSE(parse_process_ticks("").has_value());
  CHECK_FALSE(parse_process_ticks("31864 (cat) R 1 2 3").has_value());
  CHECK_FALSE(parse_process_ticks("31864 (cat) R 1 2 3 0 -1 4194304 99 0 0 0 x 17").has_value());
}

TEST_CASE("process_stat: busy ticks of the machine leave out idle, iowait and steal") {
  CHECK(parse_machine_ticks("cpu  100 10 50 9999 777 3 7 555 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n") ==
        170);
  CHECK_FALSE(parse_machine_ticks("cpu  100 10").has_value());
  CHECK_FALSE(parse_machine_ticks("intr 1 2 3 4 5 6 7 8").has_value());
}

TEST_CASE("process_stat: memory of a process") {
  const auto memory = parse_memory("Name:\tx\nVmHWM:\t    2104 kB\nVmRSS:\t    1000 kB\n");
  REQUIRE(memory.has_value());
  CHECK(memory->resident_bytes == 1000 * 1024);
  CHECK(memory->peak_bytes == 2104 * 1024);
  CHECK_FALSE(parse_memory("Name:\tkthreadd\nThreads:\t1\n").has_value());
  CHECK_FALSE(parse_memory("VmHWM:\t\nVmRSS:\t").has_value());
}

TEST_CASE("process_stat: listening sockets by port, in both tables") {
  const char* v4 =
      "  sl  local_address rem_address   st tx_queue rx_queue\n"
      "   0: 00000000:07E8 00000000:0000 0A 00000000:00000000\n"
      "   1: 0100007F:1451 0100007F:9999 01 00000000:00000000\n";
  CHECK(has_tcp_listener(v4, 0x07E8));
  CHECK_FALSE(has_tcp_listener(v4, 0x1451));  // connected, not listening
  CHECK_FALSE(has_tcp_listener(v4, 0x0000));
  const char* v6 =
      "   0: 00000000000000000000000000000000:1451 00000000000000000000000000000000:0000 0A 0:0\n";
  CHECK(has_tcp_listener(v6, 5201));
  CHECK_FALSE(has_tcp_listener("", 5201));
  CHECK_FALSE(has_tcp_listener("0: nonsense more 0A\n0: a:zz b 0A\n0:", 5201));
}

TEST_CASE("process_stat: this process is seen with its time, memory, port and namespace") {
  const std::vector<pid_t> self{::getpid()};
  CHECK(memory_of(self).resident_bytes > 0);
  CHECK(memory_of(self).peak_bytes >= memory_of(self).resident_bytes);
  CHECK(memory_of({}).resident_bytes == 0);
  CHECK(machine_cpu_seconds() > 0);
  const double before = cpu_seconds(self);
  while (cpu_seconds(self) <= before) {
  }

  const Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::listen(listener.get(), 1) == 0);  // the kernel chooses a port
  sockaddr_in address{};
  socklen_t length = sizeof address;
  REQUIRE(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
  CHECK(listens_on_tcp(::getpid(), ntohs(address.sin_port)));

  struct stat network {};
  REQUIRE(::stat("/proc/self/ns/net", &network) == 0);
  const std::vector<pid_t> here = processes_in_network(network.st_ino);
  CHECK(std::find(here.begin(), here.end(), ::getpid()) != here.end());
  CHECK(processes_in_network(1).empty());
}

}  // namespace xm::bench
