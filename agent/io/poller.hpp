// Waiting for several file descriptors at once (epoll), and waking a thread that waits (eventfd).
//
// Readiness is level-triggered and named by a token of the caller's: no allocation and no callback
// per event, so the same class serves the workers' hot loop and the control thread, whose clients
// come and go.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>

#include "xdpmesh/clock.hpp"
#include "xdpmesh/fd.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// Thread: one thread waits; add, modify and remove may come from any thread.
class Poller {
 public:
  using Token = std::uint64_t;

  // One descriptor that is ready. `events` are epoll's: EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP.
  struct Ready {
    Token token = 0;
    std::uint32_t events = 0;
    [[nodiscard]] bool readable() const {
      return (events & (EPOLLIN | EPOLLERR | EPOLLHUP | EPOLLRDHUP)) != 0;
    }
    [[nodiscard]] bool writable() const { return (events & (EPOLLOUT | EPOLLERR)) != 0; }
  };

  static constexpr std::size_t kMaxReady = 64;
  static constexpr Duration kForever = Duration(-1);

  [[nodiscard]] static Result<Poller> create();

  // `fd` is borrowed and must be removed before it is closed. A removed descriptor may still appear
  // in what the current wait() returned: tokens that are never reused make that harmless.
  [[nodiscard]] Status add(int fd, Token token, std::uint32_t events = EPOLLIN);
  [[nodiscard]] Status modify(int fd, Token token, std::uint32_t events);
  void remove(int fd);

  // Waits until something is ready, the timeout has passed or a signal came; at most kMaxReady
  // entries, valid until the next wait. kForever waits without limit, zero only looks.
  [[nodiscard]] std::span<const Ready> wait(Duration timeout);
  // The same until `deadline`; `now` is what the clock says at the call.
  [[nodiscard]] std::span<const Ready> wait_until(Instant deadline, Instant now);

 private:
  explicit Poller(Fd epoll) : epoll_(std::move(epoll)) {}

  Fd epoll_;
  bool has_pwait2_ = true;
  std::array<epoll_event, kMaxReady> events_{};
  std::array<Ready, kMaxReady> ready_{};
};

// A bell for a thread that may be asleep in a Poller. Ringing costs a system call only when the
// sleeper sleeps.
//
// The sleeper: arm(); look at every queue once more; if all are empty wait() on a Poller that holds
// fd(); disarm(). Whoever has put something into a queue: ring(). Both sides meet in one atomic
// exchange, so either the ringer sees the sleeper armed or the sleeper sees what was queued.
class WakeUp {
 public:
  [[nodiscard]] static Result<std::unique_ptr<WakeUp>> create();

  // Any thread.
  void ring();

  // The sleeping thread only.
  void arm() { armed_.exchange(true, std::memory_order_acq_rel); }
  void disarm();
  [[nodiscard]] int fd() const { return event_.get(); }

 private:
  explicit WakeUp(Fd event) : event_(std::move(event)) {}

  Fd event_;
  alignas(64) std::atomic<bool> armed_{false};
  std::uint64_t unread_ = 0;  // rings whose write has not been read; the sleeping thread's
};

}  // namespace xm
