// Changes of configuration and the view of it, as values: the text formats (agent/ctl) make and
// print them, the engine applies and fills them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/crypto/secret.hpp"
#include "xdpmesh/addr.hpp"
#include "xdpmesh/clock.hpp"

namespace xm {

struct PeerChange {
  PublicKey public_key{};
  bool remove = false;
  bool update_only = false;          // no effect where the peer does not exist
  std::optional<Key> preshared_key;  // all zero: none
  std::optional<Endpoint> endpoint;
  std::optional<std::uint16_t> persistent_keepalive;  // seconds, 0 = off
  // Somebody finds out where it is when a packet is for it: until then packets wait instead of
  // being refused.
  std::optional<bool> is_sought;
  bool replace_allowed_ips = false;
  std::vector<Prefix> add_allowed_ips;
  std::vector<Prefix> remove_allowed_ips;
};

// One `set` transaction: applied in this order, whole or up to the first error.
struct InterfaceChange {
  std::optional<Key> private_key;            // all zero: removed
  std::optional<std::uint16_t> listen_port;  // 0: any
  std::optional<std::uint32_t> fwmark;       // 0: none
  bool replace_peers = false;
  std::vector<PeerChange> peers;
};

struct PeerView {
  PublicKey public_key{};
  Key preshared_key;
  Endpoint endpoint;
  std::uint16_t persistent_keepalive = 0;
  WallTime last_handshake;  // zero: never
  std::uint64_t sent_bytes = 0;
  std::uint64_t received_bytes = 0;
  std::vector<Prefix> allowed_ips;
};

struct InterfaceView {
  Key private_key;  // zero: none
  std::uint16_t listen_port = 0;
  std::uint32_t fwmark = 0;
  std::vector<PeerView> peers;
};

}  // namespace xm
