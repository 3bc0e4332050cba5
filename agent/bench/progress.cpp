#include "agent/bench/progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace xm::bench {
namespace {

// Before so much of the plan is done its pace says little.
constexpr double kFirstSeconds = 10;

}  // namespace

Progress::Progress(double planned_seconds)
    : planned_seconds_(planned_seconds),
      started_(SystemClock().now()),
      terminal_(::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  clear_line();
}

void Progress::clear_line() {
  if (line_is_open_) std::fputs("\r\033[K", stderr);
  line_is_open_ = false;
}

void Progress::step(double done_seconds, const std::string& text) {
  const std::chrono::duration<double> elapsed = SystemClock().now() - started_;
  const double left = remaining_seconds(planned_seconds_, done_seconds, elapsed.count());
  clear_line();
  std::fprintf(stderr, "[%s, %s left] %s%s", show_duration(elapsed.count()).c_str(),
               show_duration(left).c_str(), text.c_str(), terminal_ ? "" : "\n");
  std::fflush(stderr);
  line_is_open_ = terminal_;
}

void Progress::say(const std::string& text) {
  clear_line();
  std::fprintf(stderr, "%s\n", text.c_str());
}

std::string show_duration(double seconds) {
  const long whole = std::lround(std::max(seconds, 0.0));
  std::array<char, 48> text{};
  if (whole < 3600) {
    std::snprintf(text.data(), text.size(), "%ld:%02ld", whole / 60, whole % 60);
  } else {
    std::snprintf(text.data(), text.size(), "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60,
                  whole % 60);
  }
  return text.data();
}

double remaining_seconds(double planned, double done, double elapsed) {
  const double pace = done < kFirstSeconds ? 1 : elapsed / done;
  return std::max(planned - done, 0.0) * pace;
}

}  // namespace xm::bench
