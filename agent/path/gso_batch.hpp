// Which consecutive datagrams of a send buffer leave in one UDP GSO send. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "agent/io/datagram_socket.hpp"

namespace xm {

// A sealed datagram; it lies in the send buffer right after the one before it.
struct SealedDatagram {
  std::uint32_t length = 0;
  // The caller's number for path and socket: equal means same endpoint, source and socket.
  std::uint32_t destination = 0;
  std::uint8_t tos = 0;  // outer TOS or traffic class
};

struct GsoRun {
  std::uint32_t datagrams = 0;
  std::uint32_t bytes = 0;
  std::uint32_t segment_size = 0;  // the length of all but the last, which may be shorter
};

// The longest run at the front of `datagrams`; zero datagrams only where there are none. A datagram
// joins the run when
// [1] it goes the same way as the first (destination), [2] with the same TOS,
// [3] all before it are as long as the first, and [4] it is no longer than that, nor empty,
// [5] the run stays within kMaxSegments and [6] within kMaxUdpPayload.
[[nodiscard]] GsoRun next_gso_run(std::span<const SealedDatagram> datagrams);

}  // namespace xm
