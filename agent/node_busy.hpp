// Which peers deserve a connected socket: the busiest, without changing hands at every fluctuation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

#include "agent/peer/peer.hpp"

namespace xm {

struct BusySample {
  PeerId peer = 0;
  std::uint64_t bytes = 0;  // sent and received since the peer exists
  bool connected = false;
};

struct BusyChanges {
  std::vector<PeerId> disconnect;  // first, to make room
  std::vector<PeerId> connect;     // the busiest first
};

class BusyPeers {
 public:
  explicit BusyPeers(std::size_t room) : room_(room) {}

  // Compares with the sample before. While there is room every peer with traffic is to be
  // connected; when there is none, a peer takes the place of the least busy one if it moved more
  // than twice as much. To be called once a second or so.
  [[nodiscard]] BusyChanges update(const std::vector<BusySample>& samples);

  // Whether the last update found any traffic.
  [[nodiscard]] bool traffic() const { return traffic_; }

 private:
  std::size_t room_;
  std::unordered_map<PeerId, std::uint64_t> before_;
  bool traffic_ = false;
};

}  // namespace xm
