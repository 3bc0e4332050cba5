// Where a run stands, on stderr: a line a step, or one line that changes on a terminal.
#pragma once

#include <string>

#include "xdpmesh/clock.hpp"

namespace xm::bench {

class Progress {
 public:
  // `planned_seconds` of all steps.
  explicit Progress(double planned_seconds);
  ~Progress();  // leaves the terminal's cursor on a fresh line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // A step begins, after steps that were planned to take `done_seconds` in all.
  void step(double done_seconds, const std::string& text);
  // A line that stays.
  void say(const std::string& text);

 private:
  void clear_line();

  double planned_seconds_;
  Instant started_;
  bool terminal_;
  bool line_is_open_ = false;
};

// "3:07", or "1:02:03".
[[nodiscard]] std::string show_duration(double seconds);

// What is left of the plan, in seconds, at the pace so far.
[[nodiscard]] double remaining_seconds(double planned, double done, double elapsed);

}  // namespace xm::bench
