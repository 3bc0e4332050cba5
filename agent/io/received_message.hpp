// One message as a UDP socket hands it over, many datagrams long where the kernel has coalesced
// them (UDP_GRO), cut into the frames of a batch.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>

#include "agent/io/cmsg.hpp"
#include "xdpmesh/frame.hpp"

namespace xm {

struct ReceivedMessage {
  const sockaddr_storage& from;
  std::uint8_t* payload;
  std::size_t length;
  ReceiveAttributes attributes;
  bool truncated;
};

// Adds what of `message` is not in a batch yet, from its datagram number `piece` on. False when the
// batch was full before the end; `piece` then says where to go on.
[[nodiscard]] bool split_into(ReceiveBatch& batch, const ReceivedMessage& message,
                              std::size_t& piece);

}  // namespace xm
