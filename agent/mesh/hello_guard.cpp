#include "agent/mesh/hello_guard.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "agent/crypto/blake2b.hpp"

namespace xm {
namespace {

constexpr std::uint8_t kCookieUse = 1;
constexpr std::uint8_t kChallengeUse = 2;

std::int64_t slot_of(Instant now) {
  return now.nanoseconds / HelloGuard::kSlot.count();
}

}  // namespace

HelloGuard::HelloGuard(Random& random, std::int64_t per_second) : sources_(random) {
  set_pace(per_second);
  random.fill(secret_.expose_mutable());
}

HelloGuard::Verdict HelloGuard::admit(Bytes datagram, const Hello& hello, const Endpoint& source,
                                      Instant now) {
  if (queue_.size() >= kLoaded) {
    const auto cookie_of = [&](std::int64_t slot) { return token(kCookieUse, {}, source, slot); };
    const std::int64_t slot = slot_of(now);
    if (!equal_constant_time(hello.cookie, cookie_of(slot)) &&
        !equal_constant_time(hello.cookie, cookie_of(slot - 1))) {
      return Verdict::wants_cookie;
    }
  }
  if (!sources_.allow(source.address, now)) return Verdict::rate_limited;
  if (queue_.size() >= kQueue) return Verdict::queue_full;
  queue_.push_back({{datagram.begin(), datagram.end()}, source});
  return Verdict::queued;
}

std::optional<HelloGuard::Waiting> HelloGuard::next(Instant now) {
  if (queue_.empty() || next_at() > now) return std::nullopt;
  paid_until_ = std::max(paid_until_, now) + cost_;
  Waiting first = std::move(queue_.front());
  queue_.pop_front();
  return first;
}

// One at once when none has been for a while, then one every 5 ms.
Instant HelloGuard::next_at() const {
  return queue_.empty() ? kFarFuture : paid_until_;
}

GossipCookie HelloGuard::cookie_for(const Endpoint& source, Instant now) const {
  return token(kCookieUse, {}, source, slot_of(now));
}

Challenge HelloGuard::challenge_for(const Identity& identity, const Endpoint& source,
                                    Instant now) const {
  return token(kChallengeUse, identity, source, slot_of(now));
}

bool HelloGuard::challenge_holds(const Challenge& echo, const Identity& identity,
                                 const Endpoint& source, Instant now) const {
  const std::int64_t slot = slot_of(now);
  return equal_constant_time(echo, token(kChallengeUse, identity, source, slot)) ||
         equal_constant_time(echo, token(kChallengeUse, identity, source, slot - 1));
}

Challenge HelloGuard::token(std::uint8_t use, const Identity& identity, const Endpoint& source,
                            std::int64_t slot) const {
  std::array<std::uint8_t, 1 + 1 + 2 + 8> fields;
  fields[0] = use;
  fields[1] = static_cast<std::uint8_t>(source.address.family);
  store_le16(fields.data() + 2, source.port);
  store_le64(fields.data() + 4, static_cast<std::uint64_t>(slot));
  return blake2b_mac(secret_.expose(), {fields, identity.key, source.address.octets});
}

}  // namespace xm
