// The sessions of one peer: previous, current and next (WireGuard paper, 6.3;
// drivers/net/wireguard/noise.c, add_new_keypair() and wg_noise_received_with_keypair()).
//
// We send under `current` only. A session that we answered for is `next`, received under but not
// sent under, until the initiator has proved by a first packet that it has the keys. `previous` is
// for packets still on their way.
//
// Where both sides initiate at once, two sessions come about, each with an initiator of its own.
// The kernel drops both and waits for a retransmit; here both are received under and one of them is
// agreed on without a word, so that later only its initiator renews it. (If messages overtake each
// other as well, neither may see itself as initiator: the sessions then last 180 s, and the next
// packet asks for a new one.)
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

  // A handshake is done; its local index is reserved. The response proves that the other side has
  // the keys, so the initiator sends under them at once. `prevails`: of two handshakes at once this
  // side's is the one to stay; the two sides answer differently.
  void add_initiated(TransportKeys keys, Instant now, bool prevails);
  // The responder sends only after confirm().
  void add_answered(TransportKeys keys, Instant now);
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

  [[nodiscard]] Owned make(TransportKeys keys, Instant now);
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
