// Whether the workers' loops turn. A worker that has nothing to do sleeps and would show nothing,
// so each is asked for an answer now and then.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "xdpmesh/clock.hpp"

namespace xm {

// Thread: the control thread.
class Pulse {
 public:
  // How often a loop is asked; it is not asked again before it has answered.
  static constexpr Duration kInterval = 1s;
  // A loop that owes an answer for so long is stuck. One turn takes tens of milliseconds at most,
  // but a machine may have no processor to give.
  static constexpr Duration kStuckAfter = 10s;

  struct Loop {
    std::function<std::uint64_t()> ask;            // returns the question's number
    std::function<std::uint64_t()> last_answered;  // the number of the last one answered
  };

  explicit Pulse(std::vector<Loop> loops);

  // Takes the answers that have come and asks anew when that is due.
  void take(Instant now);
  // When take() has something to do.
  [[nodiscard]] Instant due() const { return due_; }
  // As of the last take(): which loop is stuck, as a sentence; empty: every one turns.
  [[nodiscard]] std::string fault(Instant now) const;

 private:
  struct Asked {
    Loop loop;
    std::uint64_t question = 0;
    Instant since;  // never: it owes nothing
  };

  std::vector<Asked> asked_;
  Instant due_;
};

}  // namespace xm
