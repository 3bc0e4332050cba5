// What leaves the packet path for the control thread: handshake messages, events of peers, packets
// that wait for a session, datagrams that are not WireGuard's. One port a worker; rings only, so a
// flood of one kind can neither block the worker nor starve the other kinds.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "agent/path/bytes_ring.hpp"
#include "agent/peer/peer.hpp"
#include "agent/wire/wg.hpp"
#include "xdpmesh/bytes.hpp"
#include "xdpmesh/frame.hpp"
#include "xdpmesh/ring.hpp"

namespace xm {

// A message of type 1, 2 or 3 whose shape has been checked.
struct HandshakeDatagram {
  std::array<std::uint8_t, kInitiationSize> bytes{};
  std::uint32_t length = 0;
  Source source;
};

// A packet as it was read from the TUN device, virtio header included.
struct StagedPacket {
  PeerId peer = 0;
  std::vector<std::uint8_t> bytes;
};

// Gossip or STUN (agent/wire/demultiplex.hpp).
struct MeshDatagram {
  Source source;
  std::vector<std::uint8_t> bytes;
};

// Thread: the post functions belong to one worker, the take functions to the control thread.
class ControlPort {
 public:
  static constexpr std::size_t kHandshakes = 1024;
  static constexpr std::size_t kEvents = 1024;
  static constexpr std::size_t kStaged = 256;
  static constexpr std::size_t kStagedBytes = 1024 * 1024;  // super-packets are large
  static constexpr std::size_t kMeshDatagrams = 1024;
  static constexpr std::size_t kMeshBytes = 512 * 1024;

  // `wake` makes the control thread look at its ports; it is called after every post.
  explicit ControlPort(std::function<void()> wake) : wake_(std::move(wake)) {}

  // Each is false, and nothing is kept, when its ring is full.
  [[nodiscard]] bool post_handshake(Bytes message, const Source& source) {
    HandshakeDatagram datagram;
    std::copy(message.begin(), message.end(), datagram.bytes.begin());
    datagram.length = static_cast<std::uint32_t>(message.size());
    datagram.source = source;
    return posted(handshakes_.push(std::move(datagram)));
  }
  [[nodiscard]] bool post_event(const PeerEvent& event) {
    return posted(events_.push(PeerEvent(event)));
  }
  [[nodiscard]] bool post_staged(PeerId peer, Bytes packet) {
    return posted(staged_.push(peer, packet));
  }

  [[nodiscard]] bool post_mesh(Bytes datagram, const Source& source) {
    return posted(mesh_.push(source, datagram));
  }

  [[nodiscard]] bool take(HandshakeDatagram& datagram) { return handshakes_.pop(datagram); }
  [[nodiscard]] bool take(PeerEvent& event) { return events_.pop(event); }
  [[nodiscard]] bool take(StagedPacket& packet) { return staged_.pop(packet.peer, packet.bytes); }
  [[nodiscard]] bool take(MeshDatagram& datagram) {
    return mesh_.pop(datagram.source, datagram.bytes);
  }

  // How full the handshake queue is, for the decision that this node is under load.
  [[nodiscard]] std::size_t handshakes_waiting() const { return handshakes_.size(); }

 private:
  bool posted(bool accepted) {
    if (accepted) wake_();
    return accepted;
  }

  std::function<void()> wake_;
  SpscRing<HandshakeDatagram> handshakes_{kHandshakes};
  SpscRing<PeerEvent> events_{kEvents};
  BytesRing<PeerId> staged_{kStaged, kStagedBytes};
  BytesRing<Source> mesh_{kMeshDatagrams, kMeshBytes};
};

}  // namespace xm
