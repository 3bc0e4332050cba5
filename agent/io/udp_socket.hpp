// A kernel UDP socket with segmentation offload in both directions: UDP_SEGMENT on send, UDP_GRO on
// receive (udp(7), net/ipv4/udp.c), a listener or connected to one peer.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "agent/io/cmsg.hpp"
#include "agent/io/datagram_socket.hpp"
#include "agent/io/syscalls.hpp"
#include "xdpmesh/fd.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// How long segmented sends stay off on a path that refused one.
inline constexpr Duration kGsoRetryAfter = 30s;

// A send waits at most this often for room, a millisecond each time. Then the worker's other peers
// have their turn: a socket that stays full may be waited for once in kSendWaitEvery only.
inline constexpr unsigned kMaxSendWaits = 20;
inline constexpr Duration kSendWaitEvery = 10ms;

// Room for `messages` receive messages of 64 KB, each of which may hold many coalesced datagrams.
// What did not fit into a ReceiveBatch stays here and comes first in the next receive.
class UdpReceiveBuffers final : public ReceiveBuffers {
 public:
  static constexpr std::size_t kMessageSize = 65536;
  static constexpr std::size_t kDefaultMessages = 8;

  explicit UdpReceiveBuffers(std::size_t messages = kDefaultMessages);

 private:
  friend class UdpSocket;

  struct Slot {
    sockaddr_storage name;
    iovec payload;
    ReceiveControl control;
  };

  // Makes every header ready for the kernel: a cmsg buffer keeps nothing of the message before.
  void reset();
  // Splits what recvmmsg left into `batch`; false when the batch was full before the end.
  bool split_into(ReceiveBatch& batch);

  std::unique_ptr<std::uint8_t[]> storage_;
  std::vector<Slot> slots_;
  std::vector<mmsghdr> headers_;
  std::size_t received_ = 0;  // messages of the last receive
  std::size_t next_ = 0;      // the first of them that is not split to its end
  std::size_t piece_ = 0;     // the first datagram of it that is not in a batch yet
};

// What a message to be sent points to; not to be moved once it is built.
struct SendParts {
  iovec payload;
  sockaddr_storage name;
  SendControl control;
};

// A message that the kernel did not take.
struct RefusedSend {
  std::uint32_t offset = 0;  // in its run
  std::uint32_t length = 0;
  int error = 0;
};

// How a send is answered when the kernel refuses it; see udp_socket.cpp for the table.
class UdpSocket final : public DatagramSocket {
 public:
  // A bound socket of `family`. `listener` is null for a listener; for a connected socket it is the
  // listener of the same family, which sends what the connected one cannot, and outlives it.
  // `syscalls` outlives the socket. `segmentation`: whether the kernel has UDP_SEGMENT.
  UdpSocket(Fd fd, IpAddress::Family family, UdpSocket* listener, bool segmentation,
            Syscalls& syscalls);

  // `buffers` is a UdpReceiveBuffers. Pending ICMP errors are skipped.
  bool receive(ReceiveBuffers& buffers, ReceiveBatch& batch) override;
  void send(std::span<SendRun> runs, Instant now) override;
  [[nodiscard]] int fd() const override { return fd_.get(); }

  // For who sends by other means (uring_sender.hpp). Builds the message for what starts at `offset`
  // of `run`: as much as one send carries.
  SendAttributes build_message(const SendRun& run, std::uint32_t offset, Instant now,
                               bool with_source, msghdr& message, SendParts& parts) const;
  // Goes on where a message of the first run that build_message() made was refused: answers that
  // as send() does, and sends what follows. Adds to the runs' losses.
  void send_after_refusal(std::span<SendRun> runs, const RefusedSend& refused, Instant now);

  [[nodiscard]] IpAddress::Family family() const { return family_; }
  [[nodiscard]] bool is_connected() const { return listener_ != nullptr; }

  // Datagrams for which its receive buffer had no room (SO_MEMINFO, Linux 4.12); 0 where the kernel
  // does not say.
  [[nodiscard]] std::uint64_t dropped() const;

  // SO_MARK; 0 takes it off.
  [[nodiscard]] Status set_mark(std::uint32_t mark);

  // A socket that is about to close: the kernel gives it nothing more, datagrams of its peer go to
  // the listener. What it has already can still be received. Not to be sent on any more.
  void turn_away();

  // A connected socket only: forgets the peer (AF_UNSPEC, which also forgets the local address that
  // the route chose), then connects to `remote`. The port stays. On error the socket is left
  // unconnected: close it.
  [[nodiscard]] Status reconnect(const Endpoint& remote);

 private:
  class Sending;

  // Whether a sender may wait for room. Any thread; what two lose to each other is one wait.
  [[nodiscard]] bool may_wait(Instant now);

  Fd fd_;
  IpAddress::Family family_;
  UdpSocket* listener_;
  bool segmentation_;
  Syscalls& syscalls_;
  // When all waits are paid for, at one in kSendWaitEvery. Nanoseconds, as Instant.
  std::atomic<std::int64_t> waits_paid_at_{0};
};

}  // namespace xm
