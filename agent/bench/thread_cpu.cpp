#include "agent/bench/thread_cpu.hpp"

#include <sched.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

namespace xm::bench {
namespace {

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

template <typename Accept>
std::set<pid_t> numbers_in(const char* directory, const Accept& accept) {
  std::set<pid_t> found;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    pid_t number = 0;
    const auto [last, fault] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (fault != std::errc{} || last != name.data() + name.size()) continue;
    if (accept(entry->path())) found.insert(number);
  }
  return found;
}

}  // namespace

std::optional<std::uint64_t> parse_schedstat(std::string_view text) {
  std::uint64_t nanoseconds = 0;
  const auto [last, fault] = std::from_chars(text.data(), text.data() + text.size(), nanoseconds);
  if (fault != std::errc{} || last == text.data() + text.size() || *last != ' ') {
    return std::nullopt;
  }
  return nanoseconds;
}

Status bind_thread(pid_t thread, int cpu) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<std::size_t>(cpu), &one);
  if (::sched_setaffinity(thread, sizeof one, &one) == 0) return {};
  return errno_error("cannot bind thread " + std::to_string(thread) + " to processor " +
                     std::to_string(cpu));
}

std::optional<std::uint64_t> thread_nanoseconds(pid_t thread) {
  return parse_schedstat(read_file("/proc/" + std::to_string(thread) + "/schedstat"));
}

std::set<pid_t> own_threads() {
  return numbers_in("/proc/self/task", [](const std::filesystem::path&) { return true; });
}

std::set<pid_t> napi_threads(const std::string& interface) {
  const std::string prefix = "napi/" + interface + "-";
  return numbers_in("/proc", [&](const std::filesystem::path& path) {
    return read_file(path / "comm").rfind(prefix, 0) == 0;
  });
}

}  // namespace xm::bench
