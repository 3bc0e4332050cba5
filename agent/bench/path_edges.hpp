// The walks' edges without a kernel: a TUN queue that hands out prepared packets and swallows what
// is written, and a socket that hands out prepared datagrams and swallows what is sent. Neither
// allocates or makes a system call once it is loaded.
#pragma once

#include <algorithm>
#include <cstring>
#include <span>
#include <vector>

#include "agent/io/datagram_socket.hpp"
#include "agent/io/tun.hpp"

namespace xm {

class PreparedTun final : public TunQueue {
 public:
  using Packet = std::vector<std::uint8_t>;

  // To be read from now on, virtio headers included. Borrowed until the next load().
  void load(std::span<const Packet> packets) {
    packets_ = packets;
    next_ = 0;
  }
  [[nodiscard]] bool is_empty() const { return next_ == packets_.size(); }

  // Copies, as the kernel does.
  [[nodiscard]] TunRead read() override { return read_into(buffer_); }
  [[nodiscard]] TunRead read_into(MutableBytes into) {
    if (is_empty()) return {TunIo::would_block, {}};
    const Packet& packet = packets_[next_++];
    const std::size_t length = std::min(packet.size(), into.size());
    std::memcpy(into.data(), packet.data(), length);
    return {TunIo::done, into.first(length)};
  }
  [[nodiscard]] TunIo write(std::span<const iovec> pieces) override {
    ++written_;
    pieces_ += pieces.size();
    return TunIo::done;
  }
  [[nodiscard]] int fd() const override { return -1; }

  [[nodiscard]] std::uint64_t written() const { return written_; }

 private:
  std::span<const Packet> packets_;
  std::size_t next_ = 0;
  std::vector<std::uint8_t> buffer_ = std::vector<std::uint8_t>(kTunReadSize);
  std::uint64_t written_ = 0;
  std::uint64_t pieces_ = 0;
};

class PreparedSocket final : public DatagramSocket {
 public:
  // To be received at once, all from `source`. Borrowed until it has been received.
  void load(std::span<const Frame> frames, const Source& source) {
    frames_ = frames.first(std::min(frames.size(), ReceiveBatch::kMaxFrames));
    source_ = source;
  }

  bool receive(ReceiveBuffers& /*buffers*/, ReceiveBatch& batch) override {
    batch.clear();
    if (frames_.empty()) return true;
    std::copy(frames_.begin(), frames_.end(), batch.frames.begin());
    batch.frame_count = frames_.size();
    batch.sources[0] = source_;
    batch.source_count = 1;
    frames_ = {};
    return true;
  }
  void send(std::span<SendRun> runs, Instant /*now*/) override {
    for (SendRun& run : runs) {
      run.lost = 0;
      ++sent_;
    }
  }
  [[nodiscard]] int fd() const override { return -1; }

  [[nodiscard]] std::uint64_t sent() const { return sent_; }

 private:
  std::span<const Frame> frames_;
  Source source_;
  std::uint64_t sent_ = 0;
};

}  // namespace xm
