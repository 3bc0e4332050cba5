#include "agent/node_pulse.hpp"

#include <utility>

namespace xm {

Pulse::Pulse(std::vector<Loop> loops) {
  for (Loop& loop : loops) asked_.push_back({std::move(loop), 0, {}});
}

void Pulse::take(Instant now) {
  const bool ask = due_ <= now;
  if (ask) due_ = now + kInterval;
  for (Asked& asked : asked_) {
    if (!asked.since.is_never() && asked.loop.last_answered() >= asked.question) asked.since = {};
    if (!ask || !asked.since.is_never()) continue;
    asked.question = asked.loop.ask();
    asked.since = now;
  }
}

std::string Pulse::fault(Instant now) const {
  for (std::size_t id = 0; id < asked_.size(); ++id) {
    const Asked& asked = asked_[id];
    if (asked.since.is_never() || now - asked.since < kStuckAfter) continue;
    if (asked.loop.last_answered() >= asked.question) continue;
    return "worker " + std::to_string(id) + " has not turned for " +
           std::to_string((now - asked.since) / 1s) + " s";
  }
  return {};
}

}  // namespace xm
