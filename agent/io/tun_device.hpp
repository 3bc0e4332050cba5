// The kernel's TUN device: opened by name or taken over as a descriptor (WG_TUN_FD), with as many
// queues and offloads as the device has (drivers/net/tun.c, Documentation/networking/tuntap.rst).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/io/tun.hpp"
#include "xdpmesh/fd.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

inline constexpr std::uint32_t kDefaultTunMtu = 1420;

// The gso_max_size with which the kernel's TCP makes the largest super-packet that leaves as one
// UDP GSO send: over IPv4 with timestamps (52 bytes of headers), cut to `mtu`, each piece sealed
// with 32 bytes more, it is at most 64 datagrams and 65,507 bytes. For an MTU of 1420 that is a
// packet of 61,612 bytes: 45 datagrams of 1,452 bytes. TCP keeps a reserve below gso_max_size,
// which is added here: set to the packet's own size it was measured to make 44.
[[nodiscard]] std::uint32_t gso_max_size_for_mtu(std::uint32_t mtu);

// Whether the kernel takes `name` for a network interface (dev_valid_name in net/core/dev.c);
// the error says what is wrong with it.
[[nodiscard]] Status check_interface_name(std::string_view name);

// One queue of the device. Reads and writes never block.
class KernelTunQueue final : public TunQueue {
 public:
  // `vnet_header`: whether the kernel puts and expects a virtio header, else the queue does.
  KernelTunQueue(Fd fd, bool vnet_header);

  [[nodiscard]] TunRead read() override;
  [[nodiscard]] TunIo write(std::span<const iovec> pieces) override;
  [[nodiscard]] int fd() const override { return fd_.get(); }

 private:
  Fd fd_;
  bool vnet_header_;
  std::unique_ptr<std::uint8_t[]> buffer_;  // kTunReadSize bytes
};

// Owns the queues. A device that this process created goes when the last queue closes.
//
// The device is neither brought up nor given addresses: that is its user's, as with wireguard-go.
// Thread: opened and asked by the control thread; each queue is lent to one worker.
class TunDevice {
 public:
  // Creates `name`, or attaches to a persistent TUN device of that name that nobody uses. Opens up
  // to `queues` queues, fewer when the device has fewer. A device created here gets `mtu`.
  // Errors: a name that no interface may have, a name that is taken, no right to make the device.
  [[nodiscard]] static Result<TunDevice> open(const std::string& name, unsigned queues,
                                              std::uint32_t mtu = kDefaultTunMtu);

  // Takes over an open TUN descriptor with the flags it has; more queues are opened where it is a
  // multi-queue device that can be reached from here.
  [[nodiscard]] static Result<TunDevice> from_fd(Fd fd, unsigned queues);

  // As it was at open: LinkWatcher follows renames.
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const TunCapabilities& capabilities() const { return capabilities_; }
  [[nodiscard]] std::size_t queue_count() const { return queues_.size(); }
  [[nodiscard]] TunQueue& queue(std::size_t index) { return *queues_[index]; }
  // For LinkWatcher: the first queue's descriptor, borrowed.
  [[nodiscard]] int control_fd() const { return queues_.front()->fd(); }

  // Sets the device's gso_max_size to fit `mtu`; to be called again when the MTU changes. An error
  // (an old kernel, a device that has moved to another network namespace) costs speed only: reads
  // are then longer than one send.
  [[nodiscard]] Status fit_gso_to_mtu(const std::string& current_name, std::uint32_t mtu);

 private:
  TunDevice() = default;
  [[nodiscard]] Status adopt_first_queue(Fd fd);
  void open_more_queues(unsigned wanted);

  std::string name_;
  short flags_ = 0;  // as TUNGETIFF reports them
  TunCapabilities capabilities_;
  std::vector<std::unique_ptr<KernelTunQueue>> queues_;
};

}  // namespace xm
