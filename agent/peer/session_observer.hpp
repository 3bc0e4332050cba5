// Who wants to know which receiver indices there are: the XDP side, which tells them to the kernel.
#pragma once

#include <cstdint>

#include "agent/peer/peer.hpp"

namespace xm {

// Called by IndexTable on the control thread, before anything that follows from the call can leave
// the machine: an index is known here before the handshake message that announces it.
class SessionObserver {
 public:
  virtual ~SessionObserver() = default;

  // `index` will be announced to the peer.
  virtual void index_reserved(std::uint32_t index, PeerId peer) = 0;
  // Its session can be received under. Lives until index_released().
  virtual void session_published(PeerSession& session) = 0;
  // Packets with it are worthless from now on; workers may be reading the session still.
  virtual void index_released(std::uint32_t index) = 0;
};

}  // namespace xm
