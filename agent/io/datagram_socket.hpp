// What the packet path needs of UDP sockets: receive a batch, send a batch. The kernel's sockets
// (udp_socket.hpp), AF_XDP (xsk_socket.hpp, receiving only), io_uring (uring_receiver.hpp,
// uring_sender.hpp) and tests' fakes have these faces.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "xdpmesh/addr.hpp"
#include "xdpmesh/bytes.hpp"
#include "xdpmesh/clock.hpp"
#include "xdpmesh/frame.hpp"

namespace xm {

class DatagramSocket;

// The most datagrams that one segmented send takes on every kernel that has UDP_SEGMENT
// (UDP_MAX_SEGMENTS in net/udp.h), and the largest UDP payload over IPv4, taken for IPv6 too.
inline constexpr std::uint32_t kMaxSegments = 64;
inline constexpr std::uint32_t kMaxUdpPayload = 65507;

// The sockets of the port itself, by address family; null where the machine lacks it.
struct Listeners {
  DatagramSocket* v4 = nullptr;
  DatagramSocket* v6 = nullptr;

  [[nodiscard]] DatagramSocket* of_family(IpAddress::Family family) const {
    return family == IpAddress::Family::v4 ? v4 : v6;
  }
};

// How to reach one peer: replaced whole when anything of it changes, read by every worker. Only the
// GSO state is mutable.
struct SendPath {
  Endpoint remote;
  // Sticky source: the local address and interface that the peer last sent to. Family none and 0
  // leave the choice to the kernel.
  IpAddress local;
  std::uint32_t interface_index = 0;
  // The socket to send on: the peer's connected one, or the listener of its address family.
  // Outlives the path.
  DatagramSocket* socket = nullptr;
  // By which the peer is reached should it turn up elsewhere. They outlive the path too.
  Listeners listeners;
  // GSO is not used before this instant: a segmented send was refused on this path, so datagrams go
  // one by one until the path MTU changes or a while has passed. Nanoseconds, as Instant.
  mutable std::atomic<std::int64_t> no_gso_until{0};
};

// Consecutive datagrams in one buffer for one destination, to leave in one send: all `segment_size`
// long but the last, which may be shorter. At most kMaxSegments and kMaxUdpPayload.
struct SendRun {
  const SendPath* path = nullptr;
  const std::uint8_t* data = nullptr;
  std::uint32_t length = 0;
  std::uint32_t segment_size = 0;
  std::uint8_t tos = 0;  // outer TOS or traffic class: the ECN bits, or a handshake's DSCP
  // Set by send(): datagrams of this run that did not leave, and why.
  std::uint32_t lost = 0;
  bool lost_to_full_queue = false;

  void forget_losses() {
    lost = 0;
    lost_to_full_queue = false;
  }
  [[nodiscard]] std::uint32_t segments() const {
    return segment_size == 0 ? 0 : (length + segment_size - 1) / segment_size;
  }
};

// Room for receiving, one a worker, lent to whichever socket the worker receives on. Opaque here:
// each kind of socket knows its own.
class ReceiveBuffers {
 public:
  virtual ~ReceiveBuffers() = default;
};

// Where a worker receives from: a socket itself, or what a ring has taken from one. Thread: one at
// a time.
class DatagramReceiver {
 public:
  virtual ~DatagramReceiver() = default;

  // Fills `batch` with what waits in the socket; an empty batch when nothing does. Never blocks.
  // The frames lie in `buffers` and are valid until its next use. False when `buffers` were not
  // enough for all that waits or errors were pending: call again.
  virtual bool receive(ReceiveBuffers& buffers, ReceiveBatch& batch) = 0;

  // What receive() lent is not read any more: memory that the sender's side waits for need not wait
  // for the next receive(), which may never come without it. After every receive(), also one that
  // brought nothing: it may have taken what it refused.
  virtual void end_loan() {}
};

// Thread: send() by any thread at any time.
class DatagramSocket : public DatagramReceiver {
 public:
  // Sends the runs in order. Waits a bounded time for room in the send queue rather than reorder;
  // what still does not leave is reported in each run.
  virtual void send(std::span<SendRun> runs, Instant now) = 0;

  // To poll for reading; -1 for one that cannot be polled (fakes).
  [[nodiscard]] virtual int fd() const = 0;
};

// How runs for any number of sockets leave. Thread: the owner's.
class DatagramSender {
 public:
  virtual ~DatagramSender() = default;
  // Sends the runs, each by its path's socket, in order of each socket; as DatagramSocket::send().
  virtual void send(std::span<SendRun> runs, Instant now) = 0;
};

// One call for all runs in a row that leave by the same socket.
class DirectSender final : public DatagramSender {
 public:
  void send(std::span<SendRun> runs, Instant now) override {
    for (std::size_t begin = 0; begin < runs.size();) {
      DatagramSocket* const socket = runs[begin].path->socket;
      std::size_t end = begin + 1;
      while (end < runs.size() && runs[end].path->socket == socket) ++end;
      socket->send(runs.subspan(begin, end - begin), now);
      begin = end;
    }
  }
};

// It has no state: any thread may use it.
inline DirectSender direct_sender;

}  // namespace xm
