// The WireGuard handshake, Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s, in both roles (WireGuard paper,
// 5.4; kernel noise.c). Messages in, messages and transport keys out: no socket, clock or table.
//
//   initiator                                        responder
//   PendingInitiation::create()   ── initiation ──▶  identify_initiation()   who is it?      1 DH
//                                                    authenticate()          really?         0 DH
//                                                    respond()               keys            2 DH
//   PendingInitiation::consume()  ◀── response ────
//
// What the caller adds: mac1 and mac2 (CookieJar::sign before a message leaves, CookieChecker
// before any of this is called for one that came), the order of timestamps (TimestampGuard, between
// authenticate() and respond()), the index table, and drop counts (every refusal here is
// XM_DROP_handshake_invalid, unless stated).
//
// A message's type, reserved bytes and length have been checked by message_type(); messages are
// read during the call only. Values of one owner, any thread; nothing allocates. Secrets wipe
// themselves. Points of low order are refused wherever one meets a private key.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "agent/crypto/random.hpp"
#include "agent/crypto/secret.hpp"
#include "agent/noise/session.hpp"
#include "agent/noise/symmetric_state.hpp"
#include "agent/noise/tai64n.hpp"
#include "agent/wire/wg.hpp"

namespace xm {

// Our own key pair. While it is not set, nothing can be created or consumed.
struct LocalStatic {
  Key private_key;  // clamped; all zero: not set
  PublicKey public_key{};

  // An all-zero key gives a pair that is not set.
  [[nodiscard]] static LocalStatic from(Key private_key);
  [[nodiscard]] bool is_set() const { return !private_key.is_zero(); }
};

// A peer's key and what is computed from it once: made when the peer is configured and again
// whenever our private key changes. The preshared key may be assigned at any time (all zero: none)
// and counts from the next message on.
struct RemoteStatic {
  PublicKey key{};
  // DH of both static keys. All zero when `key` is of low order or we have no key: every handshake
  // with this peer is then refused.
  Key static_static;
  Key preshared_key;

  [[nodiscard]] static RemoteStatic from(const LocalStatic& local, const PublicKey& key,
                                         Key preshared_key);
};

// The initiator's side: at most one initiation that waits for its response. One per peer.
class PendingInitiation {
 public:
  // Makes an initiation and forgets the one that was pending before, if any. mac1 and mac2 are
  // zero. Nothing, and nothing pending, when RemoteStatic or LocalStatic permit no handshake.
  // `local_index` is what the response will be addressed to.
  [[nodiscard]] std::optional<MessageInitiation> create(const LocalStatic& local,
                                                        const RemoteStatic& remote,
                                                        std::uint32_t local_index,
                                                        const Tai64n& timestamp, Random& random);

  // On success the initiation is no longer pending. A refused response changes nothing, so that a
  // forged one cannot keep the genuine one out. Refused as well: nothing pending (count that as
  // XM_DROP_handshake_unexpected), another receiver index, and a response to an initiation made
  // under another private or preshared key than `local` and `remote` hold now.
  [[nodiscard]] std::optional<TransportKeys> consume(const LocalStatic& local,
                                                     const RemoteStatic& remote,
                                                     const MessageResponse& response);

  [[nodiscard]] bool is_pending() const { return pending_.has_value(); }
  // Only while pending.
  [[nodiscard]] std::uint32_t local_index() const { return pending_->local_index; }
  // Wipes the ephemeral key (540 s without a session, a change of keys, removal of the peer).
  void clear() { pending_.reset(); }

 private:
  struct State {
    SymmetricState symmetric;
    Key ephemeral;
    std::uint32_t local_index = 0;
  };
  std::optional<State> pending_;
};

struct CreatedResponse {
  MessageResponse message;  // mac1 and mac2 are zero
  // For the session that waits to be confirmed by the initiator's first data packet.
  TransportKeys keys;
};

// An initiation whose timestamp decrypted: it was made by the owner of the peer's static key, now
// or earlier, so the timestamp must be judged before it is answered.
class AuthenticInitiation {
 public:
  [[nodiscard]] const Tai64n& timestamp() const { return timestamp_; }
  [[nodiscard]] std::uint32_t sender_index() const { return sender_index_; }

  // Makes the answer; `local_index` is what the initiator's packets will be addressed to.
  [[nodiscard]] std::optional<CreatedResponse> respond(const RemoteStatic& remote,
                                                       std::uint32_t local_index,
                                                       Random& random) &&;

 private:
  friend class IdentifiedInitiation;
  AuthenticInitiation() = default;

  SymmetricState symmetric_;
  PublicKey ephemeral_{};
  std::uint32_t sender_index_ = 0;
  Tai64n timestamp_;
};

// An initiation whose sender has named itself under our public key, which anyone can do for any
// static key: it only says which peer's RemoteStatic to try. An unknown one is dropped as
// XM_DROP_handshake_unknown_peer.
class IdentifiedInitiation {
 public:
  [[nodiscard]] const PublicKey& remote_key() const { return remote_key_; }

  // `remote` is the peer whose key is remote_key().
  [[nodiscard]] std::optional<AuthenticInitiation> authenticate(const RemoteStatic& remote) &&;

 private:
  friend std::optional<IdentifiedInitiation> identify_initiation(const LocalStatic& local,
                                                                 const MessageInitiation& message);
  IdentifiedInitiation() = default;

  SymmetricState symmetric_;
  PublicKey ephemeral_{};
  PublicKey remote_key_{};
  std::uint32_t sender_index_ = 0;
  std::array<std::uint8_t, kTimestampSize + kTagSize> encrypted_timestamp_{};
};

// The responder's first step.
[[nodiscard]] std::optional<IdentifiedInitiation> identify_initiation(
    const LocalStatic& local, const MessageInitiation& message);

}  // namespace xm
