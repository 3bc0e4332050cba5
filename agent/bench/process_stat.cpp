#include "agent/bench/process_stat.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>

namespace xm::bench {
namespace {

std::string read_file(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::string proc_path(pid_t process, const char* file) {
  return "/proc/" + std::to_string(process) + "/" + file;
}

double ticks_to_seconds(std::uint64_t ticks) {
  return static_cast<double>(ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

// The value of "Name:   123 kB", in bytes.
std::optional<std::uint64_t> find_kilobytes(std::string_view status, std::string_view name) {
  const std::size_t at = status.find(name);
  if (at == std::string_view::npos) return std::nullopt;
  const std::size_t begin = status.find_first_of("0123456789", at + name.size());
  if (begin == std::string_view::npos) return std::nullopt;
  std::uint64_t kilobytes = 0;
  const char* end = status.data() + status.size();
  if (std::from_chars(status.data() + begin, end, kilobytes).ec != std::errc{}) return std::nullopt;
  return kilobytes * 1024;
}

}  // namespace

std::optional<std::uint64_t> parse_process_ticks(std::string_view stat) {
  // The name, in brackets, may hold anything; utime and stime are the 12th and 13th field after it.
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string_view::npos) return std::nullopt;
  std::istringstream fields(std::string(stat.substr(name_end + 1)));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  std::uint64_t user = 0;
  std::uint64_t system = 0;
  if (!(fields >> user >> system)) return std::nullopt;
  return user + system;
}

std::optional<std::uint64_t> parse_machine_ticks(std::string_view stat) {
  std::istringstream fields(std::string(stat.substr(0, stat.find('\n'))));
  std::string label;
  std::uint64_t user = 0;
  std::uint64_t nice = 0;
  std::uint64_t system = 0;
  std::uint64_t idle = 0;
  std::uint64_t iowait = 0;
  std::uint64_t irq = 0;
  std::uint64_t softirq = 0;
  if (!(fields >> label >> user >> nice >> system >> idle >> iowait >> irq >> softirq) ||
      label != "cpu") {
    return std::nullopt;
  }
  return user + nice + system + irq + softirq;
}

std::optional<Memory> parse_memory(std::string_view status) {
  const auto resident = find_kilobytes(status, "VmRSS:");
  const auto peak = find_kilobytes(status, "VmHWM:");
  if (!resident || !peak) return std::nullopt;
  return Memory{*resident, *peak};
}

bool has_tcp_listener(std::string_view table, std::uint16_t port) {
  std::istringstream lines{std::string(table)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string slot;
    std::string local;
    std::string remote;
    std::string state;
    if (!(fields >> slot >> local >> remote >> state) || state != "0A") continue;  // TCP_LISTEN
    const std::size_t colon = local.rfind(':');
    if (colon == std::string::npos) continue;
    unsigned found = 0;
    const char* end = local.data() + local.size();
    if (std::from_chars(local.data() + colon + 1, end, found, 16).ptr == end && found == port) {
      return true;
    }
  }
  return false;
}

double cpu_seconds(const std::vector<pid_t>& processes) {
  std::uint64_t ticks = 0;
  for (const pid_t process : processes) {
    ticks += parse_process_ticks(read_file(proc_path(process, "stat"))).value_or(0);
  }
  return ticks_to_seconds(ticks);
}

Memory memory_of(const std::vector<pid_t>& processes) {
  Memory sum;
  for (const pid_t process : processes) {
    const Memory one = parse_memory(read_file(proc_path(process, "status"))).value_or(Memory{});
    sum.resident_bytes += one.resident_bytes;
    sum.peak_bytes += one.peak_bytes;
  }
  return sum;
}

double machine_cpu_seconds() {
  return ticks_to_seconds(parse_machine_ticks(read_file("/proc/stat")).value_or(0));
}

bool listens_on_tcp(pid_t process, std::uint16_t port) {
  return has_tcp_listener(read_file(proc_path(process, "net/tcp")), port) ||
         has_tcp_listener(read_file(proc_path(process, "net/tcp6")), port);
}

std::vector<pid_t> processes_in_network(std::uint64_t namespace_inode) {
  std::vector<pid_t> found;
  std::error_code error;
  for (std::filesystem::directory_iterator entry("/proc", error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    pid_t process = 0;
    const auto [last, fault] = std::from_chars(name.data(), name.data() + name.size(), process);
    if (fault != std::errc{} || last != name.data() + name.size()) continue;
    struct stat network {};
    if (::stat(proc_path(process, "ns/net").c_str(), &network) == 0 &&
        network.st_ino == namespace_inode) {
      found.push_back(process);
    }
  }
  return found;
}

}  // namespace xm::bench
