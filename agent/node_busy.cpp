#include "agent/node_busy.hpp"

#include <algorithm>
#include <utility>

namespace xm {
namespace {

struct Moved {
  std::uint64_t bytes;
  PeerId peer;
};

bool more(const Moved& a, const Moved& b) {
  return a.bytes > b.bytes;
}

}  // namespace

BusyChanges BusyPeers::update(const std::vector<BusySample>& samples) {
  std::vector<Moved> waiting;
  std::vector<Moved> connected;
  std::unordered_map<PeerId, std::uint64_t> totals;
  traffic_ = false;
  for (const BusySample& sample : samples) {
    const auto known = before_.find(sample.peer);
    const std::uint64_t moved = sample.bytes - (known == before_.end() ? 0 : known->second);
    totals.emplace(sample.peer, sample.bytes);
    traffic_ = traffic_ || moved > 0;
    if (sample.connected) {
      connected.push_back({moved, sample.peer});
    } else if (moved > 0) {
      waiting.push_back({moved, sample.peer});
    }
  }
  before_ = std::move(totals);

  std::sort(waiting.begin(), waiting.end(), more);
  std::sort(connected.begin(), connected.end(), more);
  BusyChanges changes;
  std::size_t room = room_ - std::min(room_, connected.size());
  for (const Moved& candidate : waiting) {
    if (room > 0) {
      --room;
    } else if (!connected.empty() && candidate.bytes > 2 * connected.back().bytes) {
      changes.disconnect.push_back(connected.back().peer);
      connected.pop_back();
    } else {
      break;
    }
    changes.connect.push_back(candidate.peer);
  }
  return changes;
}

}  // namespace xm
