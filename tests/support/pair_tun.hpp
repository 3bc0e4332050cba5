// A TUN queue that can be polled, read and written without a TUN device.
#pragma once

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <vector>

#include "agent/io/tun.hpp"
#include "agent/wire/vnet.hpp"
#include "xdpmesh/fd.hpp"

namespace xm::test {

// A TUN queue over one end of a socket pair; the test holds the other end.
class PairTun final : public TunQueue {
 public:
  PairTun() {
    std::array<int, 2> ends{};
    REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) ==
            0);
    queue_.reset(ends[0]);
    outside_.reset(ends[1]);
  }
  [[nodiscard]] TunRead read() override {
    const ssize_t length = ::read(queue_.get(), buffer_.data(), buffer_.size());
    if (length <= 0) return {TunIo::would_block, {}};
    return {TunIo::done, {buffer_.data(), static_cast<std::size_t>(length)}};
  }
  [[nodiscard]] TunIo write(std::span<const iovec> pieces) override {
    const ssize_t length = ::writev(queue_.get(), pieces.data(), static_cast<int>(pieces.size()));
    return length >= 0 ? TunIo::done : TunIo::failed;
  }
  [[nodiscard]] int fd() const override { return queue_.get(); }

  // The host's side.
  bool push(const std::vector<std::uint8_t>& packet) {
    std::vector<std::uint8_t> whole(kVnetHeaderSize);
    whole.insert(whole.end(), packet.begin(), packet.end());
    return ::write(outside_.get(), whole.data(), whole.size()) > 0;
  }
  std::size_t take_all() {
    std::size_t count = 0;
    while (!take().empty()) ++count;
    return count;
  }
  // The next packet that was written, virtio header included; empty when there is none.
  std::vector<std::uint8_t> take() {
    std::vector<std::uint8_t> packet(kTunReadSize);
    const ssize_t length = ::read(outside_.get(), packet.data(), packet.size());
    packet.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
    return packet;
  }

 private:
  Fd queue_;
  Fd outside_;
  std::array<std::uint8_t, kTunReadSize> buffer_{};
};

}  // namespace xm::test
