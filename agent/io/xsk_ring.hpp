// The two rings between an AF_XDP socket and the kernel: memory that both see, one side produces
// and the other consumes (Documentation/networking/af_xdp.rst; net/xdp/xsk_queue.h, whose pairing
// of loads and stores this follows). No system call: tests play the kernel.
#pragma once

#include <linux/if_xdp.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace xm {

// Where a ring lies. Borrowed; `size` is a power of two. The indices count on for ever and wrap.
template <typename Entry>
struct XskRingMemory {
  std::uint32_t* producer = nullptr;
  std::uint32_t* consumer = nullptr;
  std::uint32_t* flags = nullptr;
  Entry* entries = nullptr;
  std::uint32_t size = 0;

  // Any thread. A ring of no size is empty.
  [[nodiscard]] std::uint32_t filled() const {
    if (size == 0) return 0;
    const std::uint32_t taken = std::atomic_ref(*consumer).load(std::memory_order_acquire);
    const std::uint32_t put = std::atomic_ref(*producer).load(std::memory_order_acquire);
    return std::min(put - taken, size);
  }
};

// Chunks on their way to the kernel, as offsets into the UMEM. We produce. Thread: the socket's.
class FillRing {
 public:
  FillRing() = default;
  explicit FillRing(const XskRingMemory<std::uint64_t>& memory)
      : memory_(memory), next_(*memory.producer) {}

  [[nodiscard]] std::uint32_t room() const { return memory_.size - memory_.filled(); }
  // At most room() of them; the kernel sees them with the next publish().
  void put(std::uint64_t offset) { memory_.entries[next_++ & (memory_.size - 1)] = offset; }
  void publish() { std::atomic_ref(*memory_.producer).store(next_, std::memory_order_release); }
  // Whether the driver has stopped looking at the ring until it is told to.
  [[nodiscard]] bool needs_wakeup() const {
    return (std::atomic_ref(*memory_.flags).load(std::memory_order_relaxed) &
            XDP_RING_NEED_WAKEUP) != 0;
  }
  [[nodiscard]] const XskRingMemory<std::uint64_t>& memory() const { return memory_; }

 private:
  XskRingMemory<std::uint64_t> memory_;
  std::uint32_t next_ = 0;
};

// Frames that have arrived. We consume. Thread: the socket's.
class ReceiveRing {
 public:
  ReceiveRing() = default;
  explicit ReceiveRing(const XskRingMemory<xdp_desc>& memory)
      : memory_(memory), next_(*memory.consumer) {}

  [[nodiscard]] std::uint32_t waiting() const { return memory_.filled(); }
  // The one `ahead` places after the next; less than waiting().
  [[nodiscard]] const xdp_desc& peek(std::uint32_t ahead) const {
    return memory_.entries[(next_ + ahead) & (memory_.size - 1)];
  }
  // The first `count` have been looked at: their places are the kernel's again, their chunks not.
  void release(std::uint32_t count) {
    next_ += count;
    std::atomic_ref(*memory_.consumer).store(next_, std::memory_order_release);
  }
  [[nodiscard]] const XskRingMemory<xdp_desc>& memory() const { return memory_; }

 private:
  XskRingMemory<xdp_desc> memory_;
  std::uint32_t next_ = 0;
};

}  // namespace xm
