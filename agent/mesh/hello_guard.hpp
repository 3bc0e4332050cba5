// What stands between a flood of hellos and the work they ask for. In this order, each step cheaper
// than the next: the mac (envelope.hpp), a cookie when hellos wait, a limit per source address, a
// bounded queue, and from there so many a second as may cost an X25519 and an Ed25519 operation.
//
// The cookie shows that the sender receives where it sends from. The challenge shows the same of an
// address that is to become an endpoint. Both are macs under a secret of ours: nothing is kept for
// a stranger. One owner, no clock is read; memory is bounded by kQueue hellos and the rate limiter.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "agent/crypto/random.hpp"
#include "agent/crypto/secret.hpp"
#include "agent/mesh/envelope.hpp"
#include "agent/noise/rate_limiter.hpp"
#include "xdpmesh/addr.hpp"
#include "xdpmesh/clock.hpp"

namespace xm {

class HelloGuard {
 public:
  static constexpr std::size_t kQueue = 64;
  static constexpr std::size_t kLoaded = kQueue / 8;
  static constexpr std::int64_t kHellosPerSecond = 200;
  // A cookie or challenge is good for this long at least, and for twice as long at most.
  static constexpr Duration kSlot = 10s;

  // `random` outlives the guard.
  explicit HelloGuard(Random& random, std::int64_t per_second = kHellosPerSecond);
  // From the next hello on. `per_second` ≥ 1.
  void set_pace(std::int64_t per_second) { cost_ = Duration(1'000'000'000 / per_second); }

  enum class Verdict : std::uint8_t {
    queued,
    wants_cookie,  // hellos wait: answer with cookie_for(), and nothing else
    rate_limited,  // more than 20 a second from this address
    queue_full,
  };
  // A hello whose mac holds. The datagram is copied when it is queued.
  [[nodiscard]] Verdict admit(Bytes datagram, const Hello& hello, const Endpoint& source,
                              Instant now);

  struct Waiting {
    std::vector<std::uint8_t> datagram;
    Endpoint source;
  };
  // The next to be worked on, at the pace above; nothing while that is used up.
  [[nodiscard]] std::optional<Waiting> next(Instant now);
  // When next() has one; far future when none waits.
  [[nodiscard]] Instant next_at() const;
  [[nodiscard]] std::size_t waiting() const { return queue_.size(); }

  [[nodiscard]] GossipCookie cookie_for(const Endpoint& source, Instant now) const;
  // Fresh, bound to the member and the address.
  [[nodiscard]] Challenge challenge_for(const Identity& identity, const Endpoint& source,
                                        Instant now) const;
  [[nodiscard]] bool challenge_holds(const Challenge& echo, const Identity& identity,
                                     const Endpoint& source, Instant now) const;

 private:
  [[nodiscard]] Challenge token(std::uint8_t use, const Identity& identity, const Endpoint& source,
                                std::int64_t slot) const;

  Duration cost_{};  // of one hello
  Key secret_;
  RateLimiter sources_;
  std::deque<Waiting> queue_;
  Instant paid_until_;
};

}  // namespace xm
