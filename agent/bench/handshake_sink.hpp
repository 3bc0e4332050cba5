// What the control thread does with a flood of handshake messages that are not for us: takes them
// from a worker's port and checks mac1, which fails.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <memory>
#include <thread>

#include "agent/io/poller.hpp"
#include "agent/noise/cookie.hpp"
#include "agent/path/control_port.hpp"
#include "xdpmesh/result.hpp"

namespace xm::bench {

// Thread: made, started and stopped by one; ring() by any.
class HandshakeSink {
 public:
  // For handshakes with `local_key`.
  [[nodiscard]] static Result<std::unique_ptr<HandshakeSink>> create(const PublicKey& local_key);
  ~HandshakeSink();

  // What the port calls.
  void ring() { bell_->ring(); }
  // `port` outlives the thread.
  void start(ControlPort& port);

  // Messages whose mac1 was wrong, so far.
  [[nodiscard]] std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
  HandshakeSink(const PublicKey& local_key, std::unique_ptr<WakeUp> bell, Poller poller)
      : checker_(local_key, random_), bell_(std::move(bell)), poller_(std::move(poller)) {}
  void run(ControlPort& port);

  SystemRandom random_;
  CookieChecker checker_;
  std::unique_ptr<WakeUp> bell_;
  Poller poller_;
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace xm::bench
