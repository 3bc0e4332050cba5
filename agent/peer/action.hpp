// What the engine wants done, in order: the node carries it out.
#pragma once

#include <array>
#include <cstdint>
#include <variant>

#include "agent/peer/peer.hpp"
#include "agent/wire/wg.hpp"
#include "xdpmesh/addr.hpp"
#include "xdpmesh/bytes.hpp"
#include "xdpmesh/clock.hpp"

namespace xm {

// Where a peer's packets go, and the sticky source: the address and interface of ours that it last
// sent to. Family none and 0 leave the choice to the kernel.
struct PeerRoute {
  Endpoint remote;
  IpAddress local;
  std::uint32_t interface_index = 0;

  [[nodiscard]] bool is_set() const { return remote.is_set(); }
  friend bool operator==(const PeerRoute&, const PeerRoute&) = default;
};

// AF41 and no ECN: the kernel's HANDSHAKE_DSCP.
inline constexpr std::uint8_t kHandshakeTos = 0x88;

// Sends a handshake message, as one datagram. The engine has counted it as sent.
struct SendMessage {
  std::array<std::uint8_t, kInitiationSize> bytes{};
  std::uint32_t length = 0;
  std::uint8_t tos = 0;  // outer TOS or traffic class
  PeerId peer = 0;       // 0: a cookie reply, to whoever sent the message it answers
  PeerRoute route;

  [[nodiscard]] Bytes message() const { return Bytes(bytes).first(length); }
};

// Seals an empty packet under Peer::sending and sends it. Peer::activity has been marked.
struct SendKeepalive {
  PeerId peer = 0;
};

// Sends what Engine::take_staged() yields under Peer::sending.
struct FlushStaged {
  PeerId peer = 0;
};

// Engine::route() has another answer for the peer: a new SendPath is to be built and published.
struct PathChanged {
  PeerId peer = 0;
};

// The peer is no longer known: what the node holds for it, such as a connected socket, can go. Its
// Peer::path is unpublished and retired already.
struct PeerRemoved {
  PeerId peer = 0;
};

// A packet waits for this peer, which has no endpoint but is sought (PeerChange::is_sought).
struct EndpointWanted {
  PeerId peer = 0;
};

using Action =
    std::variant<SendMessage, SendKeepalive, FlushStaged, PathChanged, PeerRemoved, EndpointWanted>;

}  // namespace xm
