#include "agent/peer/timers.hpp"

#include <algorithm>
#include <array>
#include <atomic>

namespace xm {
namespace {

Instant mark(const std::atomic<std::int64_t>& at) {
  return {at.load(std::memory_order_seq_cst)};
}

// Whether `timeout` has passed since the mark; if so the mark is taken back, unless a packet has
// replaced it meanwhile.
bool fire(std::atomic<std::int64_t>& at, Duration timeout, Instant now) {
  const Instant since = mark(at);
  if (since.is_never() || now < since + timeout) return false;
  std::int64_t expected = since.nanoseconds;
  at.compare_exchange_strong(expected, 0, std::memory_order_seq_cst);
  return true;
}

}  // namespace

PeerTimers::PeerTimers(Activity& activity, Random& random)
    : activity_(activity), random_(random), new_handshake_jitter_(draw_jitter()) {}

void PeerTimers::interface_up(Instant now) {
  is_up_ = true;
  persistent_from_ = now;
}

void PeerTimers::interface_down() {
  is_up_ = false;
  handshake_cleared();
  zero_keys_at_ = kFarFuture;
  activity_.unanswered_since.store(0);
  activity_.unacknowledged_since.store(0);
}

void PeerTimers::set_persistent_keepalive(std::uint16_t seconds, Instant now) {
  persistent_keepalive_ = seconds;
  persistent_from_ = now;
}

void PeerTimers::handshake_initiated(Instant now) {
  retransmit_at_ = now + kRekeyTimeout + draw_jitter();
}

void PeerTimers::handshake_put_off(Instant at) {
  if (!handshake_is_underway()) retransmit_at_ = at + draw_jitter();
}

void PeerTimers::handshake_complete() {
  handshake_cleared();
}

void PeerTimers::session_derived(Instant now) {
  zero_keys_at_ = now + kZeroKeysTimeout;
}

void PeerTimers::handshake_cleared() {
  retransmit_at_ = kFarFuture;
  attempts_ = 0;
}

TimersDue PeerTimers::expire(Instant now) {
  TimersDue due;
  if (!is_up_) return due;
  if (now >= retransmit_at_) {
    retransmit_at_ = kFarFuture;
    if (attempts_ > kMaxHandshakeAttempts) {
      due.give_up_handshake = true;
      attempts_ = 0;
      activity_.unacknowledged_since.store(0);
      if (zero_keys_at_ == kFarFuture) zero_keys_at_ = now + kZeroKeysTimeout;
    } else {
      ++attempts_;
      due.retransmit_handshake = true;
    }
  }
  if (fire(activity_.unanswered_since, kNewHandshakeTimeout + new_handshake_jitter_, now)) {
    new_handshake_jitter_ = draw_jitter();
    due.new_handshake = true;
  }
  if (fire(activity_.unacknowledged_since, kKeepaliveTimeout, now)) due.keepalive = true;
  if (now >= persistent_keepalive_at()) {
    persistent_from_ = now;
    due.keepalive = true;
  }
  if (now >= zero_keys_at_) {
    zero_keys_at_ = kFarFuture;
    due.zero_keys = true;
  }
  return due;
}

Instant PeerTimers::next_deadline() const {
  if (!is_up_) return kFarFuture;
  return std::min({retransmit_at_, new_handshake_at(), passive_keepalive_at(),
                   persistent_keepalive_at(), zero_keys_at_});
}

bool PeerTimers::has_marks() const {
  return !mark(activity_.unanswered_since).is_never() ||
         !mark(activity_.unacknowledged_since).is_never();
}

// Up to, but not including, kHandshakeJitter.
Duration PeerTimers::draw_jitter() {
  std::array<std::uint8_t, 4> bytes{};
  random_.fill(bytes);
  return Duration(load_le32(bytes.data()) % kHandshakeJitter.count());
}

Instant PeerTimers::new_handshake_at() const {
  const Instant since = mark(activity_.unanswered_since);
  return since.is_never() ? kFarFuture : since + kNewHandshakeTimeout + new_handshake_jitter_;
}

Instant PeerTimers::passive_keepalive_at() const {
  const Instant since = mark(activity_.unacknowledged_since);
  return since.is_never() ? kFarFuture : since + kKeepaliveTimeout;
}

Instant PeerTimers::persistent_keepalive_at() const {
  if (persistent_keepalive_ == 0) return kFarFuture;
  const Instant last =
      std::max({persistent_from_, mark(activity_.last_sent), mark(activity_.last_received)});
  return last + std::chrono::seconds(persistent_keepalive_);
}

}  // namespace xm
