// What the control thread waits for.
#pragma once

#include "agent/io/poller.hpp"

namespace xm::node_token {

inline constexpr Poller::Token kWake = 0;
inline constexpr Poller::Token kSignals = 1;
inline constexpr Poller::Token kLink = 2;
inline constexpr Poller::Token kNetwork = 3;
inline constexpr Poller::Token kUapi = 4;
inline constexpr Poller::Token kControl = 5;
inline constexpr Poller::Token kMetrics = 6;
inline constexpr Poller::Token kMeshFiles = 7;
inline constexpr Poller::Token kMeshNames = 8;
inline constexpr Poller::Token kMeshLan = 9;

}  // namespace xm::node_token
