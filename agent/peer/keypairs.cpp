#include "agent/peer/keypairs.hpp"

#include <utility>

namespace xm {

Keypairs::Owned Keypairs::make(TransportKeys keys, Instant now) {
  auto session = std::make_unique<PeerSession>(std::move(keys), now, peer_);
  indices_.publish(session->local_index(), session.get());
  return session;
}

// A `next` that waits here is the other side's handshake, made at the same time. When ours prevails
// it is left for what the other side sends until it hears of ours; else it stays `next` and takes
// over with its first packet.
void Keypairs::add_initiated(TransportKeys keys, Instant now, bool prevails) {
  Owned replaced = std::exchange(previous_, nullptr);
  Owned demoted = std::exchange(current_, make(std::move(keys), now));
  publish_current();
  discard(std::move(replaced));
  if (next_ != nullptr && prevails) {
    previous_ = std::move(next_);
    discard(std::move(demoted));
  } else {
    previous_ = std::move(demoted);
  }
}

void Keypairs::add_answered(TransportKeys keys, Instant now) {
  discard(std::exchange(next_, make(std::move(keys), now)));
  discard(std::exchange(previous_, nullptr));
}

bool Keypairs::confirm(std::uint32_t local_index) {
  if (next_ == nullptr || next_->local_index() != local_index) return false;
  Owned replaced = std::exchange(previous_, std::move(current_));
  current_ = std::move(next_);
  publish_current();
  discard(std::move(replaced));
  return true;
}

void Keypairs::clear() {
  Owned current = std::exchange(current_, nullptr);
  publish_current();
  discard(std::move(current));
  discard(std::exchange(previous_, nullptr));
  discard(std::exchange(next_, nullptr));
}

bool Keypairs::can_send(Instant now) const {
  return current_ != nullptr && !current_->is_expired(now) &&
         current_->counters_taken() < kRejectAfterMessages;
}

bool Keypairs::wants_handshake(Instant now) const {
  return !can_send(now) || current_->wants_rekey_on_send(now);
}

void Keypairs::discard(Owned session) {
  if (session == nullptr) return;
  indices_.release(session->local_index());
  grace_.retire(std::move(session));
}

}  // namespace xm
