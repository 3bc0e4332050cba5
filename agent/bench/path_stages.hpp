// The walks taken apart: each stage runs on its own over the batch that the one before it left, out
// of the same pieces that Rx and Tx are made of, and is timed. What Rx and Tx do besides (counters,
// marks for the timers, passing from one stage to the next) is the remainder in the report.
//
// The stages are functions that are never inlined, so that a profiler shows each by its name.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "agent/bench/figure.hpp"
#include "agent/bench/path_world.hpp"
#include "agent/ctl/bench_parts_options.hpp"
#include "agent/path/coalesce.hpp"
#include "agent/path/gso_batch.hpp"

namespace xm {

// Nanoseconds spent by stage since the last clear().
class StageTimes {
 public:
  void clear() { spent_.fill(0); }
  void start() { last_ = stopwatch_nanoseconds(); }
  // Books the time since start(), or since the last call, under `stage`.
  void finish(PathStage stage) {
    const std::int64_t now = stopwatch_nanoseconds();
    spent_[static_cast<std::size_t>(stage)] += now - last_;
    last_ = now;
  }
  [[nodiscard]] std::int64_t of(PathStage stage) const {
    return spent_[static_cast<std::size_t>(stage)];
  }

 private:
  std::array<std::int64_t, kPathStages> spent_{};
  std::int64_t last_ = 0;
};

// read, route, split, encrypt, batch; in groups as large as a batch of Tx.
class TxStages {
 public:
  explicit TxStages(PathWorld& world);
  // Takes what is loaded into the world's TUN queue through the stages.
  void run(StageTimes& times);
  // Datagrams that reached the last stage, over all run()s, and the sends that they would make.
  [[nodiscard]] std::uint64_t datagrams() const { return datagram_count_; }
  [[nodiscard]] std::uint64_t sends() const { return send_count_; }

 private:
  struct Routed {
    PeerSession* session;
    const SendPath* path;
  };

  void read();
  void route();
  void split();
  void encrypt();
  void batch();

  PathWorld& world_;
  std::vector<std::vector<std::uint8_t>> reads_;  // buffers, as large as a read can be
  std::vector<std::size_t> lengths_;              // of what is in them
  std::size_t read_count_ = 0;
  std::vector<Routed> routed_;
  std::vector<std::uint8_t> arena_;
  std::vector<SealedDatagram> datagrams_;
  std::vector<AeadJob> jobs_;
  std::uint64_t datagram_count_ = 0;
  std::uint64_t send_count_ = 0;
};

// classify, decrypt, replay, source, coalesce, deliver.
class RxStages {
 public:
  explicit RxStages(PathWorld& world);
  // Takes sealed datagrams, decrypted in place, through the stages.
  void run(std::span<const Frame> frames, StageTimes& times);
  // Inner packets that reached the TUN queue, over all run()s.
  [[nodiscard]] std::uint64_t delivered() const { return delivered_; }

 private:
  void classify(std::span<const Frame> frames);
  void decrypt();
  void replay();
  void source();
  void coalesce();
  void deliver();

  PathWorld& world_;
  PeerSession* session_ = nullptr;
  std::vector<AeadJob> jobs_;
  std::vector<MutableBytes> packets_;
  Coalescer coalescer_{{.tcp4 = true, .tcp6 = true, .udp4 = true, .udp6 = true}};
  std::uint64_t delivered_ = 0;
};

}  // namespace xm
