#include "agent/bench/machine.hpp"

#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

namespace xm::bench {
namespace {

// Those that an AEAD engine chooses its code by.
constexpr std::array<std::string_view, 6> kSets{"avx2", "avx512f", "avx512ifma",
                                                "vaes", "asimd",   "sve"};

std::string trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(" \t") - begin + 1));
}

}  // namespace

Machine parse_cpuinfo(std::string_view cpuinfo) {
  Machine machine;
  std::istringstream lines{std::string(cpuinfo)};
  for (std::string line; std::getline(lines, line);) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string label = trim(line.substr(0, colon));
    const std::string value = trim(line.substr(colon + 1));
    if (label == "model name" && machine.cpu.empty()) machine.cpu = value;
    if ((label == "flags" || label == "Features") && machine.instruction_sets.empty()) {
      std::istringstream words(value);
      for (std::string word; words >> word;) {
        if (std::find(kSets.begin(), kSets.end(), word) != kSets.end()) {
          machine.instruction_sets.push_back(word);
        }
      }
    }
  }
  return machine;
}

Machine describe_machine() {
  std::ostringstream cpuinfo;
  cpuinfo << std::ifstream("/proc/cpuinfo").rdbuf();
  Machine machine = parse_cpuinfo(cpuinfo.str());
  utsname system{};
  if (::uname(&system) == 0) {
    machine.kernel = std::string(system.sysname) + " " + system.release + " " + system.machine;
  }
  machine.cores = std::thread::hardware_concurrency();
  return machine;
}

std::string utc_now() {
  const std::time_t seconds = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

}  // namespace xm::bench
