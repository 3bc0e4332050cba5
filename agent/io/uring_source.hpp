// What a worker waits for through a ring.
#pragma once

#include "agent/io/path_io.hpp"
#include "agent/io/uring.hpp"

namespace xm {

// One descriptor. The ring either brings what arrives, in one request that goes on (multishot), or
// says once that there is something (poll), and is asked again after every turn: as good as
// level-triggered.
//
// A request that ends is made again by the next arm(): it ends when buffers run out, when the
// completion queue is full, or with an error. An error that may be about more than what was just
// refused is left to a system call to tell: the descriptor is polled and read by that until it is
// empty. When requests keep failing it stays so.
class UringSource : public UringOperation {
 public:
  UringSource(Uring& ring, int fd, PathIo::Token token) : ring_(ring), fd_(fd), token_(token) {}
  virtual ~UringSource() = default;
  UringSource(const UringSource&) = delete;
  UringSource& operator=(const UringSource&) = delete;

  [[nodiscard]] PathIo::Token token() const { return token_; }
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] bool is_armed() const { return armed_; }

  // Asks the kernel, unless it has been asked or there is no room for what it would bring.
  void arm();
  // From now on by polling: for a descriptor that the kernel does not serve otherwise, and for one
  // that the ring is to bring nothing from any more.
  void poll_only() { polls_ = polls_for_good_ = true; }
  // The ring is broken: what was asked will not be answered.
  void give_up() {
    poll_only();
    armed_ = false;
  }

  // Whether there is something to receive.
  [[nodiscard]] bool is_ready() const { return told_ || holds_some(); }
  // It is being received: what poll said counts once, the next arm() asks anew.
  void forget_poll() { told_ = false; }

  void complete(std::int32_t result, std::uint32_t flags) final;

 protected:
  [[nodiscard]] bool polls() const { return polls_; }
  // It was read by system calls until nothing was left: from now on by the ring again.
  void poll_no_more() { polls_ = polls_for_good_; }

 private:
  // Requests that may fail in a row, none bringing anything, before they are not made any more.
  static constexpr unsigned kMostFailures = 4;

  // For multishot: whether something was brought and is not handed on; whether there is room for
  // more; the request; what was brought, with the flags of its completion; whether a request that
  // ended with this error may be made again.
  [[nodiscard]] virtual bool holds_some() const { return false; }
  [[nodiscard]] virtual bool has_room() const { return true; }
  virtual void prepare(io_uring_sqe* /*request*/) {}
  virtual void bring(std::uint32_t /*length*/, std::uint32_t /*flags*/) {}
  [[nodiscard]] virtual bool is_passing(int /*error*/) const { return false; }

  Uring& ring_;
  const int fd_;
  const PathIo::Token token_;
  bool armed_ = false;
  bool polls_ = false;
  bool polls_for_good_ = false;
  unsigned failures_ = 0;
  bool told_ = false;
};

}  // namespace xm
