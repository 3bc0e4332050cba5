// A TUN queue without a kernel: the test puts packets in and takes out what was written.
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <mutex>
#include <utility>
#include <vector>

#include "agent/io/tun.hpp"

namespace xm::test {

// Thread: any; each call is atomic.
class FakeTun final : public TunQueue {
 public:
  using Packet = std::vector<std::uint8_t>;  // virtio header included
  static constexpr std::size_t kVnetHeader = 10;

  // To be read. With a virtio header in front, as the kernel would give it.
  void push_super_packet(Packet packet) {
    const std::lock_guard lock(mutex_);
    incoming_.push_back(std::move(packet));
  }
  // To be read: a plain IP packet, a zeroed virtio header is put in front.
  void push_packet(const Packet& packet) {
    Packet whole(kVnetHeader);
    whole.insert(whole.end(), packet.begin(), packet.end());
    push_super_packet(std::move(whole));
  }

  // Takes everything that was written so far, oldest first, virtio headers included.
  [[nodiscard]] std::vector<Packet> take_written() {
    const std::lock_guard lock(mutex_);
    return std::exchange(written_, {});
  }
  [[nodiscard]] std::size_t waiting() const {
    const std::lock_guard lock(mutex_);
    return incoming_.size();
  }

  // What every further read (when no packet waits) or write answers: down, gone, ...
  void set_read_state(TunIo state) {
    const std::lock_guard lock(mutex_);
    read_state_ = state;
  }
  void set_write_state(TunIo state) {
    const std::lock_guard lock(mutex_);
    write_state_ = state;
  }
  // After so many more writes the queue is full (would_block) until the limit is set anew.
  void set_write_limit(std::size_t writes) {
    const std::lock_guard lock(mutex_);
    write_limit_ = writes;
  }

  [[nodiscard]] TunRead read() override {
    const std::lock_guard lock(mutex_);
    if (read_state_ == TunIo::gone) return {TunIo::gone, {}};
    if (incoming_.empty()) return {read_state_, {}};
    lent_ = std::move(incoming_.front());
    incoming_.pop_front();
    lent_.resize(std::min(lent_.size(), kTunReadSize));
    return {TunIo::done, lent_};
  }

  [[nodiscard]] TunIo write(std::span<const iovec> pieces) override {
    const std::lock_guard lock(mutex_);
    if (write_state_ != TunIo::done) return write_state_;
    if (write_limit_ == 0) return TunIo::would_block;
    --write_limit_;
    Packet packet;
    for (const iovec& piece : pieces) {
      const auto* bytes = static_cast<const std::uint8_t*>(piece.iov_base);
      packet.insert(packet.end(), bytes, bytes + piece.iov_len);
    }
    written_.push_back(std::move(packet));
    return TunIo::done;
  }

  [[nodiscard]] int fd() const override { return -1; }

 private:
  mutable std::mutex mutex_;
  std::deque<Packet> incoming_;
  Packet lent_;
  std::vector<Packet> written_;
  TunIo read_state_ = TunIo::would_block;
  TunIo write_state_ = TunIo::done;
  std::size_t write_limit_ = SIZE_MAX;
};

}  // namespace xm::test
