// A tunnel's end without an outside, for the walks to run in: one peer, one session, its allowed
// IPs, a clock that stands still. What it sends it could receive: both directions have the same
// key.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <vector>

#include "agent/bench/path_edges.hpp"
#include "agent/bench/path_workload.hpp"
#include "agent/path/context.hpp"
#include "agent/path/rx.hpp"
#include "agent/path/tx.hpp"

namespace xm {

// The same bytes in every run.
class BenchRandom final : public Random {
 public:
  void fill(MutableBytes out) override {
    for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(generator_());
  }

 private:
  std::mt19937_64 generator_{1};  // NOLINT(cert-msc51-cpp): meant to be the same
};

class StandingClock final : public Clock {
 public:
  [[nodiscard]] Instant now() const override { return kNow; }
  [[nodiscard]] WallTime wall() const override { return {kNow.nanoseconds}; }

 private:
  static constexpr Instant kNow{3'600'000'000'000};
};

class PathWorld {
 public:
  // `engine` outlives the world. One thread.
  explicit PathWorld(AeadEngine& engine);
  ~PathWorld();
  PathWorld(const PathWorld&) = delete;
  PathWorld& operator=(const PathWorld&) = delete;

  // Seals `segments` under fresh counters, as datagrams side by side. Valid until the next call.
  [[nodiscard]] std::span<const Frame> seal(std::span<const PathWorkload::Packet> segments);

  // The events that the walks have posted; looked at by nobody.
  void drop_events();

  AeadEngine& aead;
  PreparedTun tun;
  PreparedSocket socket;
  PathCounters counters;
  SendPath path;
  Source source;  // of the datagrams: where `path` leads
  Peer peer{1};
  Published<const AllowedIps> allowed_ips;

 private:
  class NoBuffers final : public ReceiveBuffers {};

  StandingClock clock_;
  Grace grace_{1};
  std::atomic<std::uint32_t> mtu_{1420};
  ControlPort port_{[] {}};
  std::unique_ptr<const AllowedIps> table_;
  NoBuffers buffers_;
  std::vector<std::uint8_t> storage_;
  std::vector<Frame> frames_;
  std::vector<AeadJob> jobs_;

 public:
  IndexTable sessions;
  std::unique_ptr<PeerSession> session;
  const PathContext context;
  Rx rx;
  Tx tx;
};

}  // namespace xm
