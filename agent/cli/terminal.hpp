// A terminal as a place for a view that is drawn anew again and again: the alternate screen, its
// size, and what the person at it does.
//
// Thread: one, and no other thread in the process; it takes over the process's signals.
#pragma once

#include <sys/types.h>
#include <termios.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "xdpmesh/clock.hpp"
#include "xdpmesh/fd.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

struct TerminalSize {
  std::size_t rows = 24;
  std::size_t columns = 80;
};

// What is written to show `text` on a screen of that size: from the top left, every line cut to
// the width, so many lines as fit, the rest of the screen empty. Where lines are left out the last
// one says how many. Characters are counted as UTF-8 has them; control characters become "?".
[[nodiscard]] std::string screenful(std::string_view text, const TerminalSize& size);

class Terminal {
 public:
  enum class Event : std::uint8_t { timeout, redraw, quit };

  // Enters the alternate screen on `out`, a terminal. Keys come from standard input, where that is
  // a terminal too. SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP and SIGWINCH are blocked and taken.
  [[nodiscard]] static Result<Terminal> enter(int out);
  // Leaves the screen as it was, and the signals.
  ~Terminal();
  Terminal(Terminal&& other) noexcept;
  Terminal& operator=(Terminal&&) = delete;

  [[nodiscard]] Status draw(std::string_view text) const;
  // Until `patience` is over, the size changes (redraw), or it is to end (quit): q, or a signal.
  [[nodiscard]] Event wait(Duration patience);
  // The signal that said to end.
  [[nodiscard]] std::optional<int> ended_by() const { return ended_by_; }

 private:
  explicit Terminal(int out) : out_(out) {}
  void show() const;
  void hide() const;
  void stop() const;
  [[nodiscard]] Event take_signal();

  int out_;  // borrowed; -1: moved from
  Fd signals_;
  sigset_t former_mask_{};
  std::optional<termios> former_keys_;
  std::optional<int> ended_by_;
};

}  // namespace xm
