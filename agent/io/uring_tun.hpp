// A TUN queue read and written through a ring: multishot read into provided buffers (Linux 6.7;
// before, the ring only says that there is something to read), and one submission for all writes of
// a batch.
#pragma once

#include <cstddef>
#include <vector>

#include "agent/io/tun.hpp"
#include "agent/io/uring_buffers.hpp"
#include "agent/io/uring_source.hpp"

namespace xm {

// Thread: the ring's.
class UringTunQueue final : public UringSource, public TunQueue {
 public:
  // `queue` is what is read and written; `vnet_header`: whether its descriptor speaks in packets
  // with a virtio header, else that is the queue's work: it is only polled, and written packet by
  // packet. `buffers` are this queue's own, of kTunReadSize bytes, null where it is only polled.
  // All outlive it. The descriptor is registered with the ring where that is possible:
  // to be made before Uring::enable().
  UringTunQueue(Uring& ring, UringBuffers* buffers, TunQueue& queue, bool vnet_header);

  // The ring lets go of the descriptor.
  void unregister();

  [[nodiscard]] TunRead read() override;
  [[nodiscard]] TunIo write(std::span<const iovec> pieces) override { return queue_.write(pieces); }
  void write_all(std::span<TunWrite> writes) override;
  [[nodiscard]] int fd() const override { return queue_.fd(); }

 private:
  struct Packet {
    UringBuffers::Id buffer;
    std::uint32_t length;  // as read
  };

  [[nodiscard]] bool holds_some() const override { return waiting_ > 0; }
  [[nodiscard]] bool has_room() const override { return buffers_->has_free(); }
  void prepare(io_uring_sqe* request) override;
  void bring(std::uint32_t length, std::uint32_t flags) override;

  void address(io_uring_sqe* request) const;
  void write_batch(std::span<TunWrite> writes);

  Uring& ring_;
  UringBuffers* const buffers_;
  TunQueue& queue_;
  const bool vnet_header_;
  bool is_registered_ = false;

  // A queue of what was brought; there is never more than there are buffers.
  std::vector<Packet> packets_;
  std::size_t first_ = 0;
  std::size_t waiting_ = 0;

  UringBatch batch_;
  int write_flags_;
};

}  // namespace xm
