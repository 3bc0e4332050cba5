// An io_uring (io_uring(7)): set up with the best that the kernel has, then requests in and
// completions out.
//
// liburing 2.3 knows neither read multishot (Linux 6.7) nor io_uring_enable_rings() for
// SINGLE_ISSUER rings; both are spelled out here.
#pragma once

#include <liburing.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "xdpmesh/clock.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// IORING_OP_READ_MULTISHOT of <linux/io_uring.h>, Linux 6.7.
inline constexpr std::uint8_t kOpReadMultishot = 49;

// One that asked the kernel for something; outlives its last completion.
class UringOperation {
 public:
  // `result` and `flags` as in io_uring_cqe. May add requests.
  virtual void complete(std::int32_t result, std::uint32_t flags) = 0;

 protected:
  ~UringOperation() = default;
};

struct UringOptions {
  // Room for requests that are not submitted yet, and for completions that are not read yet; the
  // kernel keeps more of the latter, at a price.
  unsigned requests = 256;
  unsigned completions = 1024;
  bool kernel_thread = false;  // IORING_SETUP_SQPOLL: a kernel thread polls for requests
};

// Thread: created by any thread; from enable() on that thread's alone. Destroyed by any, after it.
class Uring {
 public:
  // An error says why there can be none, and what to do: no io_uring in this kernel or not for this
  // process, or one older than Linux 6.0 (which has multishot recvmsg).
  [[nodiscard]] static Result<std::unique_ptr<Uring>> create(const UringOptions& options);
  ~Uring();
  Uring(const Uring&) = delete;
  Uring& operator=(const Uring&) = delete;

  void enable();
  // The last call of the thread that called enable().
  void disable();
  // After a failure: the kernel cancels what the ring had begun and lets go of what that held, in
  // its own time; it may write into buffers until the process lets go of them. Nothing completes
  // any more.
  void close();

  [[nodiscard]] bool has_read_multishot() const { return has_read_multishot_; }
  [[nodiscard]] bool has_kernel_thread() const { return (ring_.flags & IORING_SETUP_SQPOLL) != 0; }
  [[nodiscard]] io_uring& raw() { return ring_; }  // for registering

  // Adds a request: `fill` prepares the io_uring_sqe. It is submitted by the next turn(), or
  // earlier when there is no room. False when the ring is broken.
  template <typename Fill>
  bool add(UringOperation& operation, const Fill& fill) {
    io_uring_sqe* const request = next_request();
    if (request == nullptr) return false;
    fill(request);
    request->user_data = reinterpret_cast<std::uintptr_t>(&operation);
    return true;
  }
  // Makes room for `count` requests that must be submitted together.
  void reserve(unsigned count);

  // Submits what was added, waits until `wanted` completions are there or `timeout` has passed
  // (negative: without limit), and completes all there are. With 0 wanted it does not wait.
  void turn(unsigned wanted, Duration timeout = Duration(-1));
  // Completes what is there already; no system call.
  void complete_all();
  // How often turn() has looked for news, for a caller that wants it done now and then.
  [[nodiscard]] std::uint64_t turns() const { return turns_; }

  // The ring cannot be entered any more, as an errno: no request completes after that, and the
  // operations may go. 0 while all is well. Any thread.
  [[nodiscard]] int failure() const { return failure_.load(std::memory_order_relaxed); }

 private:
  Uring() = default;
  [[nodiscard]] Status set_up(const UringOptions& options);
  [[nodiscard]] Status check_features();
  [[nodiscard]] io_uring_sqe* next_request();
  [[nodiscard]] int enter(unsigned wanted, Duration timeout);
  [[nodiscard]] bool has_nothing_to_enter_for() const;
  void take_result(int result);

  io_uring ring_{};
  bool is_set_up_ = false;
  bool has_read_multishot_ = false;
  bool is_descriptor_registered_ = false;
  std::uint64_t turns_ = 0;
  std::atomic<int> failure_{0};
};

// Requests that are submitted together and waited for, so that what they refer to need not outlive
// run().
class UringBatch {
 public:
  static constexpr unsigned kMost = 64;
  // The result of a request that did not run: the one it was linked to failed, or the ring broke.
  static constexpr std::int32_t kNotDone = -ECANCELED;

  explicit UringBatch(Uring& ring) : ring_(ring) {}

  // Forgets the last batch and makes room for `count` requests, at most kMost.
  void start(unsigned count);
  template <typename Fill>
  void add(const Fill& fill) {
    Slot& slot = slots_[count_++];
    slot.batch = this;
    slot.result = kNotDone;
    if (ring_.add(slot, fill)) ++running_;
  }
  void run();
  // After run(), of the request that was added as number `index`.
  [[nodiscard]] std::int32_t result(std::size_t index) const { return slots_[index].result; }

 private:
  struct Slot final : UringOperation {
    void complete(std::int32_t got, std::uint32_t /*flags*/) override {
      result = got;
      --batch->running_;
    }
    UringBatch* batch = nullptr;
    std::int32_t result = kNotDone;
  };

  Uring& ring_;
  std::array<Slot, kMost> slots_;
  unsigned count_ = 0;
  unsigned running_ = 0;
};

}  // namespace xm
