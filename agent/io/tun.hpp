// The TUN device: one queue a worker, every packet with a virtio header before it.
//
// A queue always speaks in packets with a 10-byte virtio_net_hdr in front (agent/wire/vnet.hpp),
// whether the device has IFF_VNET_HDR or not: without it the queue adds and takes off a zeroed one.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "xdpmesh/bytes.hpp"

namespace xm {

// Largest read: the virtio header and 64 KB of packet.
inline constexpr std::size_t kTunReadSize = 10 + 65535;

// What the device takes and gives, decided once at open.
struct TunCapabilities {
  bool vnet_header = false;
  bool multi_queue = false;
  bool tso4 = false;  // TCP super-packets over IPv4, in both directions
  bool tso6 = false;
  bool uso4 = false;  // UDP super-packets, from Linux 6.2
  bool uso6 = false;
};

enum class TunIo : std::uint8_t {
  done,
  would_block,
  down,    // the interface is down (EIO): packets are refused until it is up
  gone,    // the device was deleted (EBADFD): nothing will ever come again
  failed,  // the kernel refused this one packet
};

// What an errno of reading or writing the device means.
[[nodiscard]] TunIo tun_io_of(int error);

struct TunRead {
  TunIo state = TunIo::would_block;
  MutableBytes packet;  // virtio header included; lent until the queue's next read
};

struct TunWrite {
  std::span<const iovec> pieces;  // of one packet, as TunQueue::write() takes them
  TunIo state = TunIo::done;      // set by write_all()
};

// Thread: read() by one worker; write() by any, where the device has fewer queues than workers.
class TunQueue {
 public:
  virtual ~TunQueue() = default;
  // Reads one packet (up to kTunReadSize bytes); never blocks.
  [[nodiscard]] virtual TunRead read() = 0;
  // Writes one packet from pieces, the first of which starts with the virtio header; never blocks.
  [[nodiscard]] virtual TunIo write(std::span<const iovec> pieces) = 0;
  // The same for many packets, in order; one that is refused does not keep back those behind it.
  virtual void write_all(std::span<TunWrite> writes) {
    for (TunWrite& each : writes) each.state = write(each.pieces);
  }
  // To poll for reading; -1 for a queue that cannot be polled (fakes).
  [[nodiscard]] virtual int fd() const = 0;
};

}  // namespace xm
