// A thread that sends data messages, or handshake initiations for somebody else, one by one at a
// steady rate, or as fast as it can.
#pragma once

#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "agent/bench/path_workload.hpp"
#include "agent/wire/wg.hpp"
#include "xdpmesh/addr.hpp"
#include "xdpmesh/fd.hpp"
#include "xdpmesh/result.hpp"

namespace xm::bench {

// `segment` as the payload of a data message that is not encrypted, its receiver index and counter
// zero.
[[nodiscard]] std::vector<std::uint8_t> data_message(const PathWorkload::Packet& segment);

// Thread: made and steered by one.
class PacedSender {
 public:
  static constexpr std::uint64_t kAsFastAsItCan = UINT64_MAX;

  // In the network namespace `network`, from a free port to `destination`, on processor `cpu`. The
  // messages carry `segments` in turn, not encrypted, each under the next counter.
  [[nodiscard]] static Result<std::unique_ptr<PacedSender>> start(
      int network, const Endpoint& destination, int cpu,
      std::span<const PathWorkload::Packet> segments);
  ~PacedSender();

  [[nodiscard]] std::uint16_t port() const { return port_; }

  // From now on so many messages a second; 0 a second: none. The rate counts from now; time for
  // which the thread did not get its processor is not made up for.
  void send_data(std::uint64_t rate, std::uint32_t receiver_index);
  // Their mac1 is no one's.
  void send_initiations(std::uint64_t rate);
  // So far, as the kernel has taken them.
  [[nodiscard]] std::uint64_t sent() const { return sent_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t kBurst = 16;

  PacedSender() = default;
  [[nodiscard]] Status open(int network, const Endpoint& destination);
  void prepare(std::span<const PathWorkload::Packet> segments);
  void run();
  // How many may leave by now, at most a burst.
  [[nodiscard]] std::size_t due(std::uint64_t rate);
  void send_burst(std::size_t count);
  [[nodiscard]] iovec next_data(std::uint32_t receiver_index);
  [[nodiscard]] iovec next_initiation();

  Fd socket_;
  std::uint16_t port_ = 0;
  std::vector<std::vector<std::uint8_t>> messages_;
  std::size_t next_message_ = 0;
  std::array<MessageInitiation, kBurst> initiations_{};
  std::uint64_t counter_ = 0;
  std::int64_t since_ = 0;  // when the rate began to count
  std::uint64_t sent_since_ = 0;
  std::array<mmsghdr, kBurst> headers_{};
  std::array<iovec, kBurst> payloads_{};

  std::atomic<std::uint64_t> rate_{0};
  std::atomic<std::uint32_t> receiver_index_{0};
  std::atomic<bool> wants_initiations_{false};
  std::atomic<std::uint64_t> sent_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace xm::bench
