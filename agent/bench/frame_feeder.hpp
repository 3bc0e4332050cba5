// A thread that stands for a network card and its driver: it gives an XDP program one frame over
// and over, in memory that the kernel uses again, as a driver does that receives into pages of its
// own. What the program passes takes the kernel's way to the sockets.
//
// Over veth a packet is copied before a program sees it, and its sender's memory freed by the
// receiver; that hides what a verdict costs.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "xdpmesh/addr.hpp"
#include "xdpmesh/bytes.hpp"
#include "xdpmesh/result.hpp"

namespace xm::bench {

struct FrameFeed {
  int program = -1;                   // of the XDP kind; outlives the feeding
  std::uint32_t interface_index = 0;  // the frames come in on its queue 0; has native XDP
  std::vector<std::uint8_t> frame;    // from the Ethernet header on
  std::uint64_t rate = 0;             // frames a second; what is late is not made up for
  int cpu = 0;                        // where the thread runs
};

// Thread: made and ended by one. Feeds for as long as it lives, in its maker's network namespace.
class FrameFeeder {
 public:
  // Fails where the kernel takes no such frames (loader/live_frames.hpp).
  [[nodiscard]] static Result<std::unique_ptr<FrameFeeder>> start(FrameFeed feed);
  ~FrameFeeder();

  // Frames so far.
  [[nodiscard]] std::uint64_t given() const { return given_.load(std::memory_order_relaxed); }
  // Whose time on a processor is that of the card's interrupts.
  [[nodiscard]] pid_t thread() const { return thread_id_; }

 private:
  explicit FrameFeeder(FrameFeed feed) : feed_(std::move(feed)) {}
  void run();
  [[nodiscard]] Status give(std::uint32_t count) const;

  const FrameFeed feed_;
  std::atomic<std::uint64_t> given_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<pid_t> thread_id_{0};
  std::thread thread_;
};

// A UDP datagram over IPv4 as it arrives at the interface with this address: from the Ethernet
// header on, without a UDP checksum, which a card would have verified.
[[nodiscard]] std::vector<std::uint8_t> udp_frame(std::span<const std::uint8_t, 6> mac,
                                                  const Endpoint& from, const Endpoint& to,
                                                  Bytes payload);

}  // namespace xm::bench
