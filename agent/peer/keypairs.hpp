// The sessions of one peer: previous, current and next (WireGuard paper, 6.3;
// drivers/net/wireguard/noise.c, add_new_keypair() and wg_noise_received_with_keypair()).
//
// We send under `current` only. A session that we answered for is `next`, received under but not
// sent under, until the initiator has proved by a first packet that it has the keys. `previous` is
// for packets still on their way.
//
// Every session here is in the index table, and `current` in Peer::sending. What is replaced is
// taken out of both first and freed, its keys wiped, through Grace. Control thread only.
#pragma once

#include <cstdint>
#include <memory>

#include "agent/peer/index_table.hpp"
#include "agent/peer/peer.hpp"
#include "xdpmesh/clock.hpp"
#include "xdpmesh/grace.hpp"

namespace xm {

class Keypairs {
 public:
  // All outlive this object.
  Keypairs(Peer& peer, IndexTable& indices, Grace& grace)
      : peer_(peer), indices_(indices), grace_(grace) {}
  ~Keypairs() { clear(); }
  Keypairs(const Keypairs&) = delete;
  Keypairs& operator=(const Keypairs&) = delete;

  // A handshake is done; its local index is reserved. The initiator may send at once, the responder
  // after confirm().
  void add(TransportKeys keys, Instant now);
  // A packet came under the session of this index. True when that was `next`: it is `current` now.
  bool confirm(std::uint32_t local_index);
  void clear();

  // Whether there is a session to send under now.
  [[nodiscard]] bool can_send(Instant now) const;
  // Whether packets sent now would ask for a handshake.
  [[nodiscard]] bool wants_handshake(Instant now) const;
  [[nodiscard]] bool is_empty() const { return !previous_ && !current_ && !next_; }

 private:
  using Owned = std::unique_ptr<PeerSession>;

  void add_initiated(Owned session);
  void add_answered(Owned session);
  void publish_current() { peer_.sending.exchange(current_.get()); }
  // It is no longer in peer_.sending.
  void discard(Owned session);

  Peer& peer_;
  IndexTable& indices_;
  Grace& grace_;
  Owned previous_;
  Owned current_;
  Owned next_;
};

}  // namespace xm
