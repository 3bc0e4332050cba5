// The number that orders what a node says of itself over its restarts: greater than any it used
// before and any that others have seen of it, and on disk before it is used. Never a clock.
//
// One counter each for the incarnation (statement.hpp) and for the version of the record.
#pragma once

#include <cstdint>

#include "xdpmesh/result.hpp"

namespace xm {

// Where a counter outlives the process.
class CounterStore {
 public:
  virtual ~CounterStore() = default;
  // 0 when nothing was ever stored. A store that cannot be read is an error, not 0.
  [[nodiscard]] virtual Result<std::uint64_t> load() = 0;
  // Returns when the number would survive a loss of power.
  [[nodiscard]] virtual Status save(std::uint64_t number) = 0;
};

// Borrows its store. One thread.
class PersistedCounter {
 public:
  explicit PersistedCounter(CounterStore& store) : store_(store) {}

  // The highest number ever used, now or before; 0 before the first next().
  [[nodiscard]] std::uint64_t current() const { return current_; }

  // max(on disk, current, seen) + 1, stored. `seen`: the greatest that others were heard to hold of
  // this node, signed by it. At the end of the numbers it stays there (an error): a node whose
  // counter somebody else, with its key, has driven so far needs a new identity. After any error
  // current() is unchanged and nothing may be signed with a greater number.
  [[nodiscard]] Result<std::uint64_t> next(std::uint64_t seen = 0);

 private:
  CounterStore& store_;
  std::uint64_t current_ = 0;
};

}  // namespace xm
