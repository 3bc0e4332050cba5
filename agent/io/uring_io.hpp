// A worker's edges by one io_uring: what arrives is brought into provided buffers, what leaves is
// submitted a batch at a time, and the same entry into the kernel that submits also brings what has
// arrived meanwhile.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "agent/io/path_io.hpp"
#include "agent/io/poller.hpp"
#include "agent/io/uring.hpp"
#include "agent/io/uring_buffers.hpp"
#include "agent/io/uring_receiver.hpp"
#include "agent/io/uring_sender.hpp"
#include "agent/io/uring_tun.hpp"

namespace xm {

struct UringIoOptions {
  UringOptions ring;
  bool vnet_header = true;  // whether the TUN descriptor speaks in packets with a virtio header
  // Buffers of 64 KB, each a power of two; memory that no packet has reached costs nothing.
  unsigned receive_buffers = 16;
  unsigned read_buffers = 32;
};

// What a UdpSocket receives the ring brings; other sockets (xsk_socket.hpp) are polled through it,
// and received from as they are. Sent on are UdpSockets alone.
//
// Whatever the kernel does not do by ring is done by system calls: a descriptor that multishot does
// not serve is polled, a send or write that fails is done over. When the ring itself cannot be
// entered any more everything is waited for by epoll, and served by system calls, from then on.
class UringIo final : public PathIo {
 public:
  // `tun` outlives it. Errors as of Uring::create().
  [[nodiscard]] static Result<std::unique_ptr<UringIo>> create(TunQueue& tun,
                                                               const UringIoOptions& options);

  [[nodiscard]] Status watch_bell(int fd) override;
  [[nodiscard]] Status watch_tun() override;
  void begin() override { ring_->enable(); }
  void end() override;

  [[nodiscard]] TunQueue& tun() override { return tun_; }
  [[nodiscard]] DatagramSender& sender() override { return sender_; }
  void forget_tun() override { stop(kTun); }

  [[nodiscard]] Result<DatagramReceiver*> add(DatagramSocket& socket, Token token) override;
  void stop(Token token) override;
  void remove(Token token) override { sockets_.erase(token); }

  [[nodiscard]] std::span<const Token> wait(Duration timeout) override;
  [[nodiscard]] int failure() const override { return ring_->failure(); }

 private:
  // A request whose completion is only waited for.
  class Errand final : public UringOperation {
   public:
    void start() { is_done_ = false; }
    [[nodiscard]] bool is_done() const { return is_done_; }
    void complete(std::int32_t /*result*/, std::uint32_t /*flags*/) override { is_done_ = true; }

   private:
    bool is_done_ = true;
  };

  UringIo(std::unique_ptr<Uring> ring, std::unique_ptr<UringBuffers> receive_buffers,
          std::unique_ptr<UringBuffers> read_buffers, TunQueue& tun, bool vnet_header,
          Poller poller);

  void watch(UringSource& source);
  void cancel(UringSource& source);
  void fetch_news(Duration timeout);
  void note_ready();
  [[nodiscard]] std::span<const Token> wait_without_ring(Duration timeout);
  void leave_ring();

  // In the order of life: the kernel writes into the buffers until the ring is gone.
  std::unique_ptr<UringBuffers> receive_buffers_;
  std::unique_ptr<UringBuffers> read_buffers_;  // null where the TUN queue is only polled
  std::unique_ptr<Uring> ring_;
  Errand errand_;
  UringTunQueue tun_;
  std::unique_ptr<UringSource> bell_;
  std::unordered_map<Token, std::unique_ptr<UringSource>> sockets_;
  std::vector<UringSource*> sources_;  // that wait() tells of
  std::vector<Token> ready_;           // what the last wait() returned
  UringSender sender_;
  Poller poller_;  // only once the ring is broken
  std::uint64_t turns_at_last_wait_ = 0;
  bool left_ring_ = false;
};

}  // namespace xm
