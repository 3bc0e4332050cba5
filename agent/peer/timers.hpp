// The timers of one peer (WireGuard paper, section 6; drivers/net/wireguard/timers.c), as a value:
// events and the marks in Activity go in, "what is due now" and "when to ask again" come out.
//
// Packets set no timer. They leave marks (Activity), and what is due follows from the marks when
// they are looked at: a tunnel under load costs one look every ten seconds.
//
//   due                 from                                        after
//   retransmit          initiation sent (or put off), no session    5 s + jitter, 20 times, give up
//   new handshake       first data sent that nothing answered       15 s + jitter
//   passive keepalive   first data received that nothing followed   10 s
//   persistent          last authenticated packet, either way       the configured interval
//   zero keys           last session made, or giving up without     540 s
//
// Control thread only, but for the marks. Nothing is due while the interface is down.
#pragma once

#include <cstdint>

#include "agent/crypto/random.hpp"
#include "agent/noise/session.hpp"
#include "agent/peer/peer.hpp"
#include "xdpmesh/clock.hpp"

namespace xm {

inline constexpr Duration kHandshakeJitter = 333ms;
inline constexpr Duration kNewHandshakeTimeout = kKeepaliveTimeout + kRekeyTimeout;
inline constexpr Duration kZeroKeysTimeout = 3 * kRejectAfterTime;
// 90 s of REKEY_TIMEOUT; counted as the kernel does, so the last attempt waits for its answer too.
inline constexpr unsigned kMaxHandshakeAttempts = 90s / kRekeyTimeout;

struct TimersDue {
  bool retransmit_handshake = false;
  bool give_up_handshake = false;  // instead of a retransmit: purge what is staged
  bool new_handshake = false;
  bool keepalive = false;
  bool zero_keys = false;
};

class PeerTimers {
 public:
  // Draws the first jitter. The interface is down at first.
  PeerTimers(Activity& activity, Random& random);

  void interface_up(Instant now);
  void interface_down();
  [[nodiscard]] bool is_up() const { return is_up_; }

  // Zero: off. Counts from `now` until a packet passes.
  void set_persistent_keepalive(std::uint16_t seconds, Instant now);
  [[nodiscard]] std::uint16_t persistent_keepalive() const { return persistent_keepalive_; }

  // An initiation left: its retransmit is armed anew.
  void handshake_initiated(Instant now);
  // An initiation is wanted but may not leave before `at`: the retransmit timer, unless it runs,
  // will see to it.
  void handshake_put_off(Instant at);
  // Packets have asked for a session again: the attempts count from here.
  void restart_attempts() { attempts_ = 0; }
  // A session is agreed and confirmed.
  void handshake_complete();
  // A session exists, confirmed or not.
  void session_derived(Instant now);
  // The handshake and its attempts are off (keys changed); sessions' timers go on.
  void handshake_cleared();
  [[nodiscard]] bool handshake_is_underway() const { return retransmit_at_ != kFarFuture; }

  // What is due, each thing once: whoever asks does it.
  [[nodiscard]] TimersDue expire(Instant now);
  // When expire() can next say something, as things stand; kFarFuture: only after another event or
  // mark.
  [[nodiscard]] Instant next_deadline() const;

  // Whether packets have left marks from which a deadline counts. While there are none, a first
  // mark has to be announced (PeerEventKind::arm_timers).
  [[nodiscard]] bool has_marks() const;

 private:
  [[nodiscard]] Duration draw_jitter();
  [[nodiscard]] Instant new_handshake_at() const;
  [[nodiscard]] Instant passive_keepalive_at() const;
  [[nodiscard]] Instant persistent_keepalive_at() const;

  Activity& activity_;
  Random& random_;
  bool is_up_ = false;
  std::uint16_t persistent_keepalive_ = 0;
  unsigned attempts_ = 0;
  Instant retransmit_at_ = kFarFuture;
  Instant zero_keys_at_ = kFarFuture;
  Instant persistent_from_;
  Duration new_handshake_jitter_;
};

}  // namespace xm
