// Receiver index -> session, for every packet that arrives; and, on the control side, receiver
// index -> peer for handshakes in flight (drivers/net/wireguard/peerlookup.c, index_hashtable).
//
// Direct-mapped: the low bits of an index are its slot. That works because we choose the indices: a
// random 32-bit number is drawn again until its slot is free, and at most half the slots are taken.
// A table twice as large replaces a fuller one; indices that differ under the small mask differ
// under the large one.
//
// Thread: find() by anyone inside a Grace section; the rest by the control thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "agent/crypto/random.hpp"
#include "agent/peer/peer.hpp"
#include "agent/peer/session_observer.hpp"
#include "xdpmesh/grace.hpp"

namespace xm {

class IndexTable {
 public:
  // `first_slots` is a power of two.
  explicit IndexTable(Grace& grace, std::size_t first_slots = 1024);
  ~IndexTable();
  IndexTable(const IndexTable&) = delete;
  IndexTable& operator=(const IndexTable&) = delete;

  // Null when no session has this index. Valid until the end of the caller's Grace section.
  [[nodiscard]] PeerSession* find(std::uint32_t index) const {
    const Slots& slots = *slots_.load();
    PeerSession* session = slots[index & (slots.size() - 1)].load(std::memory_order_seq_cst);
    return session != nullptr && session->local_index() == index ? session : nullptr;
  }

  // A new index for a handshake of `peer`: its slot is held, find() does not know it yet.
  [[nodiscard]] std::uint32_t reserve(Random& random, PeerId peer);
  // The handshake of a reserved index is complete. The session outlives its release() by Grace.
  void publish(std::uint32_t index, PeerSession* session);
  // Reserved or published; nothing happens when it is neither.
  void release(std::uint32_t index);
  // Whose a reserved or published index is.
  [[nodiscard]] std::optional<PeerId> owner(std::uint32_t index) const;
  [[nodiscard]] std::size_t size() const { return owners_.size(); }

  // `observer` is told of everything from now on, and at once of what there is; null ends that. It
  // outlives its use.
  void observe(SessionObserver* observer);

 private:
  using Slots = std::vector<std::atomic<PeerSession*>>;

  [[nodiscard]] std::size_t slot_of(std::uint32_t index) const {
    return index & (taken_.size() - 1);
  }
  void grow();

  Grace& grace_;
  Published<const Slots> slots_;
  Slots* writable_;          // the published one
  std::vector<bool> taken_;  // by slot
  std::unordered_map<std::uint32_t, PeerId> owners_;
  SessionObserver* observer_ = nullptr;
};

}  // namespace xm
