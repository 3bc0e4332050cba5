// What /proc says about processes and about the machine: CPU time, memory, listening ports.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace xm::bench {

struct Memory {
  std::uint64_t resident_bytes = 0;  // VmRSS
  std::uint64_t peak_bytes = 0;      // VmHWM
};

// ---- parsing, for the functions below and their tests
// --------------------------------------------

// utime + stime of /proc/PID/stat, in clock ticks. Nothing when the text is not of that form.
[[nodiscard]] std::optional<std::uint64_t> parse_process_ticks(std::string_view stat);
// All but idle, iowait and what a hypervisor stole, of the first line of /proc/stat, in ticks.
[[nodiscard]] std::optional<std::uint64_t> parse_machine_ticks(std::string_view stat);
[[nodiscard]] std::optional<Memory> parse_memory(std::string_view status);  // of /proc/PID/status
// Whether /proc/PID/net/tcp or tcp6 has a listening socket on the port.
[[nodiscard]] bool has_tcp_listener(std::string_view table, std::uint16_t port);

// ---- reading
// -------------------------------------------------------------------------------------

// Of all threads of all these processes; those that are gone count for nothing.
[[nodiscard]] double cpu_seconds(const std::vector<pid_t>& processes);
[[nodiscard]] Memory memory_of(const std::vector<pid_t>& processes);
[[nodiscard]] double machine_cpu_seconds();
[[nodiscard]] bool listens_on_tcp(pid_t process, std::uint16_t port);

// The processes in a network namespace, by its inode number.
[[nodiscard]] std::vector<pid_t> processes_in_network(std::uint64_t namespace_inode);

}  // namespace xm::bench
