// A program that the bench runs: started in a network namespace, its output kept, its end waited
// for.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/bench/interrupts.hpp"
#include "xdpmesh/clock.hpp"
#include "xdpmesh/fd.hpp"
#include "xdpmesh/result.hpp"

namespace xm::bench {

struct Launch {
  std::vector<std::string> arguments;  // the first is looked up on the PATH if it has no slash
  int network_namespace = -1;          // borrowed; -1: the caller's
  std::vector<std::pair<std::string, std::string>> environment{};  // on top of ours
};

class Child {
 public:
  // The error says when there is no such program. The child is killed when this process ends.
  [[nodiscard]] static Result<Child> start(const Launch& launch);
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();  // kills it, if it still runs

  [[nodiscard]] pid_t pid() const { return pid_; }

  // The exit code (128 + signal if one killed it), once it has ended.
  [[nodiscard]] std::optional<int> poll_end();

  // Waits for the end. An error with EINTR when interrupted, with ETIMEDOUT after `limit`; the
  // child then still runs.
  [[nodiscard]] Result<int> wait(Interrupts& interrupts, Duration limit);

  // What it has written so far.
  [[nodiscard]] std::string output() const;
  [[nodiscard]] std::string errors() const;

 private:
  Child() = default;

  pid_t pid_ = -1;
  std::optional<int> exit_code_;
  Fd process_;  // a pidfd: readable when it has ended
  Fd output_;   // in memory, so that no one has to read along
  Fd errors_;
};

// Starts, waits for success and returns the output. Any other end is an error with the last lines
// of what it complained about.
[[nodiscard]] Result<std::string> run(const Launch& launch, Interrupts& interrupts, Duration limit);

// The last lines of a text, as one line: for an error message.
[[nodiscard]] std::string last_lines(const std::string& text, std::size_t lines = 3);

// Where a program lies on the PATH.
[[nodiscard]] std::optional<std::string> find_on_path(const std::string& program);

}  // namespace xm::bench
