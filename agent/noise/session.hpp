// One transport session: a pair of keys, their indices, the counters of both directions and their
// limits (WireGuard whitepaper, 5.4.6 and 6.2; kernel messages.h).
//
// Shared by all workers. Keys, indices and birth are constant after construction. Sending: a batch
// takes the session once and draws its counters from the same object, so that a counter can never
// meet another session's key. Receiving: the replay window is under `replay_lock`, taken once per
// run of one session's packets in a batch; a peer's packets normally arrive on one worker, so it is
// uncontended.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>

#include "agent/crypto/secret.hpp"
#include "agent/noise/replay.hpp"
#include "xdpmesh/clock.hpp"

namespace xm {

inline constexpr Duration kRekeyAfterTime = 120s;
inline constexpr Duration kRejectAfterTime = 180s;
inline constexpr Duration kRekeyTimeout = 5s;
inline constexpr Duration kKeepaliveTimeout = 10s;
inline constexpr std::uint64_t kRekeyAfterMessages = std::uint64_t{1} << 60;

// What a completed handshake yields.
struct TransportKeys {
  Key send;
  Key receive;
  std::uint32_t local_index = 0;   // what the other side puts into packets to us
  std::uint32_t remote_index = 0;  // what we put into packets to it
  bool is_initiator = false;
};

class Session {
 public:
  Session(TransportKeys keys, Instant born) : keys_(std::move(keys)), born_(born) {}

  [[nodiscard]] const Key& send_key() const { return keys_.send; }
  [[nodiscard]] const Key& receive_key() const { return keys_.receive; }
  [[nodiscard]] std::uint32_t local_index() const { return keys_.local_index; }
  [[nodiscard]] std::uint32_t remote_index() const { return keys_.remote_index; }
  [[nodiscard]] bool is_initiator() const { return keys_.is_initiator; }
  [[nodiscard]] Instant born() const { return born_; }

  // Neither sends nor receives from then on.
  [[nodiscard]] bool is_expired(Instant now) const { return now - born_ >= kRejectAfterTime; }

  // Draws `count` consecutive counters; returns the first, or nothing when fewer are left. A
  // counter that was drawn is never given back, sent or not. (Not a fetch-and-add: threads that
  // meet at the limit could carry that past 2^64, and counters would come twice.)
  [[nodiscard]] std::optional<std::uint64_t> take_counters(std::uint64_t count) {
    std::uint64_t first = next_counter_.load(std::memory_order_relaxed);
    do {
      if (first >= kRejectAfterMessages || count > kRejectAfterMessages - first) {
        return std::nullopt;
      }
    } while (!next_counter_.compare_exchange_weak(first, first + count, std::memory_order_relaxed));
    return first;
  }
  [[nodiscard]] std::uint64_t counters_taken() const {
    return next_counter_.load(std::memory_order_relaxed);
  }
  // For tests of the limits.
  void set_next_counter(std::uint64_t next) { next_counter_.store(next); }

  // After a send: whether a new handshake is due (by age for the initiator only, so that the two
  // ends do not race; by count for both).
  [[nodiscard]] bool wants_rekey_on_send(Instant now) const {
    return counters_taken() > kRekeyAfterMessages ||
           (is_initiator() && now - born_ >= kRekeyAfterTime);
  }
  // After a receive: the initiator's last chance (165 s) where this side hardly ever sends. True
  // once.
  [[nodiscard]] bool wants_rekey_on_receive(Instant now) {
    if (!is_initiator() || now - born_ < kRejectAfterTime - kKeepaliveTimeout - kRekeyTimeout) {
      return false;
    }
    return !last_minute_rekey_.exchange(true, std::memory_order_relaxed);
  }

  // True for exactly one caller: the first authenticated packet under a responder's session, which
  // confirms that the initiator holds the keys. An initiator's session is born confirmed.
  [[nodiscard]] bool confirm() {
    return !confirmed_.load(std::memory_order_relaxed) &&
           !confirmed_.exchange(true, std::memory_order_relaxed);
  }

  // When the news of the confirmation could not be passed on: the next packet confirms again.
  void take_back_confirmation() { confirmed_.store(false, std::memory_order_relaxed); }

  ReplayWindow replay;
  std::mutex replay_lock;

 private:
  const TransportKeys keys_;
  const Instant born_;
  std::atomic<std::uint64_t> next_counter_{0};
  std::atomic<bool> confirmed_{keys_.is_initiator};
  std::atomic<bool> last_minute_rekey_{false};
};

}  // namespace xm
