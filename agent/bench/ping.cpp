#include "agent/bench/ping.hpp"

#include <charconv>
#include <sstream>
#include <system_error>

namespace xm::bench {

std::vector<std::string> ping_command(const std::string& address, std::uint32_t seconds) {
  return {"ping", "-n", "-i", "0.01", "-c", std::to_string(seconds * 100), "-W", "2", address};
}

std::vector<double> parse_ping(std::string_view output) {
  constexpr std::string_view kLabel = " time=";
  std::vector<double> round_trips;
  std::istringstream lines{std::string(output)};
  for (std::string line; std::getline(lines, line);) {
    const std::size_t label = line.find(kLabel);
    if (label == std::string::npos || line.find("DUP!") != std::string::npos) continue;
    double milliseconds = 0;
    const char* end = line.data() + line.size();
    const auto [rest, fault] =
        std::from_chars(line.data() + label + kLabel.size(), end, milliseconds);
    if (fault == std::errc{} && std::string_view(rest, end).starts_with(" ms")) {
      round_trips.push_back(milliseconds);
    }
  }
  return round_trips;
}

}  // namespace xm::bench
