// How a worker meets its edges: it waits for all of them in one place, then receives, reads, writes
// and sends. Two kinds: by system calls (syscall_io.hpp) and by io_uring (uring_io.hpp).
#pragma once

#include <cstdint>
#include <span>

#include "agent/io/datagram_socket.hpp"
#include "agent/io/tun.hpp"
#include "xdpmesh/clock.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// Thread: made, and given its bell and TUN queue, by the control thread; from begin() to end() the
// worker's alone.
class PathIo {
 public:
  // Names what became ready.
  using Token = std::uint64_t;
  static constexpr Token kBell = 0;
  static constexpr Token kTun = 1;
  static constexpr Token kFirstSocket = 2;

  static constexpr Duration kForever = Duration(-1);

  virtual ~PathIo() = default;

  // Before begin(): wait() tells of the bell's descriptor, which is borrowed, and of the TUN queue.
  [[nodiscard]] virtual Status watch_bell(int fd) = 0;
  [[nodiscard]] virtual Status watch_tun() = 0;

  // The first and the last call of the thread that works with it. After end() the kernel holds no
  // descriptor for it any more.
  virtual void begin() = 0;
  virtual void end() = 0;

  // The TUN queue to read and write, and what sends. Both as long as this object.
  [[nodiscard]] virtual TunQueue& tun() = 0;
  [[nodiscard]] virtual DatagramSender& sender() = 0;

  // The TUN device is gone: wait() does not tell of it any more.
  virtual void forget_tun() = 0;

  // wait() tells of `socket` by `token`, which is never used again; what arrives is received from
  // what is returned, which lives until remove().
  [[nodiscard]] virtual Result<DatagramReceiver*> add(DatagramSocket& socket, Token token) = 0;
  // Nothing is taken from the socket behind the worker's back any more, and wait() tells of it no
  // more. What was taken, and what still waits in it, can be received until it is empty.
  virtual void stop(Token token) = 0;
  // After stop(): the socket is let go of.
  virtual void remove(Token token) = 0;

  // Waits until something is ready, `timeout` has passed or a signal came. kForever waits without
  // limit, zero only looks. What is not received to its end is told again. Ends the loan of what
  // was received and read before. Valid until the next wait, whatever is added or stopped
  // meanwhile.
  [[nodiscard]] virtual std::span<const Token> wait(Duration timeout) = 0;

  // Any thread: why it does not work any more as it was made, as an errno; 0 while it does.
  [[nodiscard]] virtual int failure() const = 0;
};

}  // namespace xm
