// Runs for any number of sockets in one submission of a ring.
//
// All messages of a submission are one chain of linked requests, so that the kernel sends each
// after the one before it: one that is refused keeps back those behind it instead of being
// overtaken. Who was refused is answered by its socket, by system calls (udp_socket.cpp has the
// table), together with what follows on that socket; then the next submission goes on.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "agent/io/udp_socket.hpp"
#include "agent/io/uring.hpp"

namespace xm {

// For paths whose sockets are UdpSockets. Thread: the ring's.
class UringSender final : public DatagramSender {
 public:
  explicit UringSender(Uring& ring) : ring_(ring), batch_(ring) {}

  void send(std::span<SendRun> runs, Instant now) override;

 private:
  // A message of the submission: which run, what of it.
  struct Message {
    std::size_t run;
    std::uint32_t offset;
    msghdr header;
    SendParts parts;
  };
  // Where the next submission starts.
  struct Place {
    std::size_t run = 0;
    std::uint32_t offset = 0;
  };

  void build(std::span<SendRun> runs, Place from, Instant now);
  void submit(std::span<SendRun> runs);
  // How far it got: past the last message, or past all of the socket that refused one.
  [[nodiscard]] Place take_results(std::span<SendRun> runs, Instant now);

  Uring& ring_;
  UringBatch batch_;
  std::size_t count_ = 0;
  std::array<Message, UringBatch::kMost> messages_;
};

}  // namespace xm
