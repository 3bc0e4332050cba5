// Packets of one peer that wait for a session: bounded, the oldest gives way
// (drivers/net/wireguard/device.c, wg_xmit()). The kernel counts packets of MTU size; here one may
// be a super-packet of 64 KB, so their bytes are bounded too. Control thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <utility>
#include <vector>

namespace xm {

class StagedPackets {
 public:
  static constexpr std::size_t kCapacity = 128;
  static constexpr std::size_t kCapacityBytes = 256 * 1024;

  // A packet as read from the TUN device, virtio header included.
  using Packet = std::vector<std::uint8_t>;
  // A list, for it is nothing while it is empty: of thousands of peers hardly one has packets
  // waiting, and an empty deque takes 600 bytes.
  using Packets = std::list<Packet>;

  // How many of the oldest were given up for this one.
  [[nodiscard]] std::size_t push(Packet packet) {
    std::size_t given_up = 0;
    while (!packets_.empty() &&
           (packets_.size() == kCapacity || bytes_ + packet.size() > kCapacityBytes)) {
      bytes_ -= packets_.front().size();
      packets_.pop_front();
      ++given_up;
    }
    bytes_ += packet.size();
    packets_.push_back(std::move(packet));
    return given_up;
  }
  // All of them, the oldest first.
  [[nodiscard]] Packets take() {
    bytes_ = 0;
    return std::exchange(packets_, {});
  }

  [[nodiscard]] std::size_t size() const { return packets_.size(); }
  [[nodiscard]] bool is_empty() const { return packets_.empty(); }

 private:
  Packets packets_;
  std::size_t bytes_ = 0;
};

}  // namespace xm
