#include "loader/living_agent.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <span>
#include <thread>

#include "loader/map_memory.hpp"
#include "xdpmesh/abi.h"
#include "xdpmesh/heartbeat.hpp"

namespace xm {
namespace {

constexpr std::chrono::nanoseconds kQuiet = std::chrono::milliseconds(500);
constexpr std::chrono::milliseconds kPause{20};

std::uint64_t beat_of(__u64& heartbeat) {
  return std::atomic_ref(heartbeat).load(std::memory_order_relaxed);
}

std::uint64_t last_beat(std::span<xm_config> config, std::span<xm_queue> queues) {
  std::uint64_t last = beat_of(config.front().heartbeat);
  for (xm_queue& queue : queues) last = std::max(last, beat_of(queue.heartbeat));
  return last;
}

}  // namespace

bool is_agent_alive(const Pins& pins) {
  const auto maps = pins.own_maps();
  if (!maps) return false;
  auto config = MapMemory<xm_config>::map(maps->config.get(), 1, "xm_config");
  auto queues = MapMemory<xm_queue>::map(maps->queues.get(), XM_MAX_QUEUES, "xm_queues");
  if (!config || !queues) return false;
  const std::uint64_t first = last_beat(config->values(), queues->values());
  const std::uint64_t now = std::max(heartbeat_time(), first);
  for (auto age = std::chrono::nanoseconds(now - first); age < kQuiet; age += kPause) {
    std::this_thread::sleep_for(kPause);
    if (last_beat(config->values(), queues->values()) > first) return true;
  }
  return false;
}

Error owned_by_unseen_agent(const std::string& interface, const Pins& pins) {
  return Error{"an xdp-mesh agent with another /run/xdp-mesh already owns " + interface +
                   ", for the heartbeat in " + pins.directory() + " goes on: `xdp-mesh detach " +
                   interface + "` in its container or mount namespace makes it let go",
               EBUSY};
}

}  // namespace xm
