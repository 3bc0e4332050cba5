// A UDP socket received from through a ring: multishot recvmsg into provided buffers (Linux 6.0).
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <deque>

#include "agent/io/udp_socket.hpp"
#include "agent/io/uring_buffers.hpp"
#include "agent/io/uring_source.hpp"

namespace xm {

// Thread: the ring's.
class UringReceiver final : public UringSource, public DatagramReceiver {
 public:
  // A buffer holds the kernel's header (io_uring_recvmsg_out), the sender's address, the control
  // messages and the longest message.
  static constexpr std::size_t kBufferSize = sizeof(io_uring_recvmsg_out) +
                                             sizeof(sockaddr_storage) + ReceiveControl::kSize +
                                             UdpReceiveBuffers::kMessageSize;

  // `buffers` are those of all receivers of the ring, of kBufferSize bytes. All outlive it.
  UringReceiver(Uring& ring, UringBuffers& buffers, UdpSocket& socket, PathIo::Token token);
  ~UringReceiver() override;

  // The frames lie in the ring's buffers and are lent until the next receive by any receiver of the
  // ring; `lent` is used for what still waits in a socket that is only polled.
  bool receive(ReceiveBuffers& lent, ReceiveBatch& batch) override;

 private:
  struct Message {
    UringBuffers::Id buffer;
    std::uint32_t length;  // of what the kernel wrote
  };

  [[nodiscard]] bool holds_some() const override { return waiting_ > 0; }
  [[nodiscard]] bool has_room() const override { return buffers_.has_free(); }
  void prepare(io_uring_sqe* request) override;
  void bring(std::uint32_t length, std::uint32_t flags) override;
  [[nodiscard]] bool is_passing(int error) const override;

  [[nodiscard]] bool add_to(ReceiveBatch& batch, const Message& message);
  // The first message is in batches as a whole, or never will be.
  void finish_first();

  UringBuffers& buffers_;
  UdpSocket& socket_;
  msghdr shape_{};  // how much room a buffer has for address and control messages

  // A queue of what was brought; there is never more than there are buffers.
  std::vector<Message> messages_;
  std::size_t first_ = 0;
  std::size_t waiting_ = 0;
  std::size_t piece_ = 0;  // the first datagram of the first message that is in no batch yet
};

}  // namespace xm
