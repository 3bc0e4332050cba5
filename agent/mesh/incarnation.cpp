#include "agent/mesh/incarnation.hpp"

#include <algorithm>

namespace xm {

Result<std::uint64_t> PersistedCounter::next(std::uint64_t seen) {
  const auto stored = store_.load();
  if (!stored) return stored.error();
  const std::uint64_t highest = std::max({stored.value(), current_, seen});
  if (highest == UINT64_MAX) {
    return Error{"the counter of this identity is at its end: make a new one (xdp-mesh keygen)"};
  }
  if (const Status saved = store_.save(highest + 1); !saved) return saved.error();
  current_ = highest + 1;
  return current_;
}

}  // namespace xm
