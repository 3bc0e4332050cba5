// mac1, mac2 and cookies: proof, cheaper than a Diffie-Hellman, that the sender of a handshake
// message knows our public key (mac1) and receives at the address it sends from (mac2), WireGuard
// paper 5.4.4 and 5.4.7; kernel cookie.c.
//
//   CookieChecker   ours as receiver, one per interface: verifies both, makes cookie replies
//   CookieJar       ours as sender, one per peer: fills both in, keeps the cookie it was sent
//   HandshakeLoad   whether cookies are demanded at the moment
//
// Order for a message that came: mac1 always; under load mac2, and without a valid one the answer
// is a cookie reply and nothing else; then RateLimiter; then handshake.hpp.
//
// Values of one owner, no clock is read, nothing allocates. "Message" is a whole initiation or
// response (148 or 92 bytes), whose last 32 bytes are MessageMacs; it is read during the call only.
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/crypto/blake2s.hpp"
#include "agent/crypto/random.hpp"
#include "agent/crypto/secret.hpp"
#include "agent/wire/wg.hpp"
#include "xdpmesh/addr.hpp"
#include "xdpmesh/clock.hpp"

namespace xm {

// A receiver's secret, and so its cookies, change this often.
inline constexpr Duration kCookieSecretMaxAge = 120s;
// A sender stops using a cookie this much before, for the time that messages travel.
inline constexpr Duration kCookieLatency = 5s;

// What mac1 to this key is computed from, for who has no use for the key itself: the XDP program
// (struct xm_mac1). Public.
[[nodiscard]] Blake2sChaining mac1_chaining(const PublicKey& local_key);

class CookieChecker {
 public:
  // `random` outlives the checker; it feeds the secret and the nonces of replies.
  CookieChecker(const PublicKey& local_key, Random& random);

  // After a change of our private key. The secret stays.
  void set_local_key(const PublicKey& local_key);

  // Constant time in the macs. Another length than an initiation's or a response's is invalid.
  [[nodiscard]] bool mac1_is_valid(Bytes message) const;

  // Whether mac2 was made with the cookie that we give to `source` now; address and port count.
  // Renews the secret when it is 120 s old.
  [[nodiscard]] bool mac2_is_valid(Bytes message, const Endpoint& source, Instant now);

  // The answer, to be sent to `source`, to a message whose mac1 is valid and whose mac2 is not. It
  // is smaller than either kind of message. `message` is an initiation or a response.
  [[nodiscard]] MessageCookieReply make_reply(Bytes message, const Endpoint& source, Instant now);

 private:
  [[nodiscard]] Secret<kCookieSize> cookie_for(const Endpoint& source, Instant now);

  Random& random_;
  Key mac1_key_;
  Key encryption_key_;
  Key secret_;
  Instant secret_born_;  // never: none yet
};

class CookieJar {
 public:
  explicit CookieJar(const PublicKey& remote_key);

  // Fills mac1, and mac2 while a cookie of at most 115 s is held; else mac2 is zero. The last thing
  // done to a message before it leaves; a repeated message must be a new one, signed again.
  void sign(MessageInitiation& message, Instant now);
  void sign(MessageResponse& message, Instant now);

  // True when the reply answers the message signed last, and no reply did before: its cookie is
  // kept for the messages to come. False: XM_DROP_handshake_unexpected. The reply carries no proof
  // of who sent it beyond knowledge of that message, so it is never a reason to move an endpoint,
  // nor to send anything.
  [[nodiscard]] bool consume(const MessageCookieReply& reply, Instant now);

 private:
  [[nodiscard]] MessageMacs sign_bytes(Bytes message, Instant now);

  Key mac1_key_;
  Key encryption_key_;
  Secret<kCookieSize> cookie_;
  Instant cookie_born_;  // never: none held
  Mac16 last_mac1_{};
  bool awaits_reply_ = false;
};

inline constexpr Duration kLoadPersists = 1s;

// Under load from the moment the queue of handshake messages is an eighth full until it has been
// less for a second (kernel receive.c, wg_receive_handshake_packet()).
class HandshakeLoad {
 public:
  // Asked for every message taken from the queue; `queued` counts those still waiting.
  [[nodiscard]] bool is_under_load(std::size_t queued, std::size_t capacity, Instant now);

 private:
  Instant last_loaded_;  // never: not under load
};

}  // namespace xm
