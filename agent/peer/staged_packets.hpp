// Packets of one peer that wait for a session: bounded, the oldest gives way
// (drivers/net/wireguard/device.c, wg_xmit()). Control thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

namespace xm {

class StagedPackets {
 public:
  static constexpr std::size_t kCapacity = 128;

  // A packet as read from the TUN device, virtio header included.
  using Packet = std::vector<std::uint8_t>;

  // False when the oldest packet was given up for this one.
  [[nodiscard]] bool push(Packet packet) {
    const bool is_full = packets_.size() == kCapacity;
    if (is_full) packets_.pop_front();
    packets_.push_back(std::move(packet));
    return !is_full;
  }
  // All of them, the oldest first.
  [[nodiscard]] std::deque<Packet> take() { return std::exchange(packets_, {}); }

  [[nodiscard]] std::size_t size() const { return packets_.size(); }
  [[nodiscard]] bool is_empty() const { return packets_.empty(); }

 private:
  std::deque<Packet> packets_;
};

}  // namespace xm
