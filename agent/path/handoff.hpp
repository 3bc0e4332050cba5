// One flow on more than one core: a worker that has a whole processor and needs more hands shares
// of its batch to workers that are idle, which seal or open them; it goes on when all are back.
//
// A share is a consecutive part of a batch, of about kLeastShare bytes or more, never a single
// packet. The batch stays with its worker from edge to edge: it alone receives, checks replay,
// writes and sends, so that nothing can be reordered, and what it has lent (frames, session, key)
// it holds until every share is back. A share that nobody has begun when its giver comes for it is
// taken back.
//
// Between each giver and each helper lies a ring of one share, whose state is the only thing both
// write. Nobody waits for a helper that has not begun, and a helper never waits while it holds a
// share: there is no cycle to block in.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "agent/crypto/aead.hpp"
#include "agent/path/load_meter.hpp"
#include "xdpmesh/counters.hpp"

namespace xm {

enum class HandoffMode : std::uint8_t {
  automatic,  // by load
  always,     // whenever there is another worker
  never,
};

// The rings between all workers of a node. Outlives them; all of them are stopped before the first
// is destroyed.
class Handoff {
 public:
  Handoff(std::size_t workers, HandoffMode mode);

  [[nodiscard]] std::size_t workers() const { return workers_; }
  [[nodiscard]] HandoffMode mode() const { return mode_; }

 private:
  friend class HandoffEngine;

  struct alignas(64) Share {
    enum State : std::uint32_t { none, offered, taken, done };
    std::atomic<State> state{none};
    // Written by the giver before it offers.
    bool seal = false;
    const Key* key = nullptr;
    std::span<AeadJob> jobs;
  };
  // What a worker tells the others.
  struct alignas(64) Presence {
    enum State : std::uint32_t {
      working,  // on a batch of its own: nothing is offered to it
      waiting,  // asleep, or about to: an offer rings
      looking,  // awake for more offers
    };
    std::atomic<State> state{working};
    std::function<void()> wake;  // set before the threads start
  };

  [[nodiscard]] Share& share(std::size_t giver, std::size_t helper) {
    return shares_[giver * workers_ + helper];
  }

  std::size_t workers_;
  HandoffMode mode_;
  std::vector<Share> shares_;
  std::vector<Presence> presences_;
};

// One worker's part in it, in the place of its engine. Thread: the worker's; constructed before.
class HandoffEngine final : public AeadEngine {
 public:
  static constexpr std::size_t kMostHelpers = 3;
  static constexpr std::size_t kLeastShare = 16 * 1024;

  // `own` does this worker's share and the shares it helps with; `wake` makes this worker return
  // from its waiting, called by any worker. All outlive this object.
  HandoffEngine(Handoff& handoff, std::size_t worker, AeadEngine& own, std::function<void()> wake);

  void seal(const Key& key, std::span<AeadJob> jobs) override;
  void open(const Key& key, std::span<AeadJob> jobs) override;
  [[nodiscard]] std::string description() const override { return own_.description(); }

  // Before the worker waits: does what others have offered. False when it must not sleep but look
  // again soon, because there was something; what is offered after true rings.
  [[nodiscard]] bool pause(const Clock& clock);
  // After it, when there is work of its own; follows this worker's load.
  void resume(const Clock& clock);

  // Packets done by others for this worker, packets taken back, packets done for others.
  [[nodiscard]] std::uint64_t handed() const { return handed_.value(); }
  [[nodiscard]] std::uint64_t taken_back() const { return taken_back_.value(); }
  [[nodiscard]] std::uint64_t helped() const { return helped_.value(); }
  // Whether this worker gives shares away now.
  [[nodiscard]] bool is_on() const { return on_.load(std::memory_order_relaxed); }

 private:
  using Helpers = std::array<std::size_t, kMostHelpers>;

  void run(bool seal, const Key& key, std::span<AeadJob> jobs);
  void share_out(bool seal, const Key& key, std::span<AeadJob> jobs);
  [[nodiscard]] std::size_t find_helpers(std::size_t wanted, Helpers& helpers);
  void offer(std::size_t helper, bool seal, const Key& key, std::span<AeadJob> jobs);
  void collect(std::size_t helper);
  void do_own(bool seal, const Key& key, std::span<AeadJob> jobs);
  bool take_offers();
  [[nodiscard]] bool is_offered();

  Handoff& handoff_;
  std::size_t worker_;
  AeadEngine& own_;
  LoadMeter meter_;
  HandoffTrial trial_;
  std::atomic<bool> on_{false};
  std::uint32_t turns_ = 0;
  Instant patience_ends_{};  // looks again until then; never: nothing was offered lately
  Counter handed_;
  Counter taken_back_;
  Counter helped_;
};

}  // namespace xm
