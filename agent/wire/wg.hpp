// The four WireGuard messages as they travel, and the check that a datagram has the shape of one.
//
//   initiation (148)  type 1 | sender | ephemeral 32 | static 32+16 | timestamp 12+16 | mac1 | mac2
//   response    (92)  type 2 | sender | receiver | ephemeral 32 | nothing 0+16 | mac1 | mac2
//   cookie      (64)  type 3 | receiver | nonce 24 | cookie 16+16
//   data      (≥ 32)  type 4 | receiver | counter 8 | ciphertext n+16
//
// "type" is one byte and three reserved zero bytes, read together as a little-endian 32-bit
// integer. Integers are byte arrays here: read them with load_le32/load_le64, so that the structs
// have no alignment and may be laid over a datagram. Source: the WireGuard paper, section 5.4;
// drivers/net/wireguard/messages.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "xdpmesh/bytes.hpp"

namespace xm {

enum class MessageType : std::uint32_t {
  initiation = 1,
  response = 2,
  cookie_reply = 3,
  data = 4,
};

inline constexpr std::size_t kPublicKeySize = 32;
inline constexpr std::size_t kTagSize = 16;        // Poly1305
inline constexpr std::size_t kTimestampSize = 12;  // TAI64N
inline constexpr std::size_t kMacSize = 16;        // mac1, mac2
inline constexpr std::size_t kCookieSize = 16;
inline constexpr std::size_t kCookieNonceSize = 24;  // XChaCha20-Poly1305

// Closes an initiation and a response. mac1 covers all bytes before it, mac2 all bytes before it
// including mac1; mac2 is zero while the sender holds no cookie.
struct MessageMacs {
  std::uint8_t mac1[kMacSize];
  std::uint8_t mac2[kMacSize];
};

struct MessageInitiation {
  std::uint8_t type[4];
  std::uint8_t sender_index[4];
  std::uint8_t ephemeral[kPublicKeySize];
  std::uint8_t encrypted_static[kPublicKeySize + kTagSize];
  std::uint8_t encrypted_timestamp[kTimestampSize + kTagSize];
  MessageMacs macs;
};

struct MessageResponse {
  std::uint8_t type[4];
  std::uint8_t sender_index[4];
  std::uint8_t receiver_index[4];
  std::uint8_t ephemeral[kPublicKeySize];
  std::uint8_t encrypted_nothing[kTagSize];
  MessageMacs macs;
};

struct MessageCookieReply {
  std::uint8_t type[4];
  std::uint8_t receiver_index[4];
  std::uint8_t nonce[kCookieNonceSize];
  std::uint8_t encrypted_cookie[kCookieSize + kTagSize];
};

// Followed by the encrypted inner packet, padded, and its tag. A keepalive has no inner packet.
struct MessageDataHeader {
  std::uint8_t type[4];
  std::uint8_t receiver_index[4];
  std::uint8_t counter[8];
};

inline constexpr std::size_t kInitiationSize = 148;
inline constexpr std::size_t kResponseSize = 92;
inline constexpr std::size_t kCookieReplySize = 64;
inline constexpr std::size_t kDataHeaderSize = 16;
inline constexpr std::size_t kDataOverhead = kDataHeaderSize + kTagSize;
inline constexpr std::size_t kDataMinimumSize = kDataOverhead;  // a keepalive

static_assert(sizeof(MessageInitiation) == kInitiationSize && alignof(MessageInitiation) == 1);
static_assert(sizeof(MessageResponse) == kResponseSize && alignof(MessageResponse) == 1);
static_assert(sizeof(MessageCookieReply) == kCookieReplySize && alignof(MessageCookieReply) == 1);
static_assert(sizeof(MessageDataHeader) == kDataHeaderSize && alignof(MessageDataHeader) == 1);

// The type of a datagram whose type, reserved bytes and length are those of a WireGuard message;
// nothing else of it has been looked at.
[[nodiscard]] inline std::optional<MessageType> message_type(Bytes datagram) {
  if (datagram.size() < kDataMinimumSize) return std::nullopt;
  switch (load_le32(datagram.data())) {
    case 4:
      return MessageType::data;
    case 1:
      if (datagram.size() == kInitiationSize) return MessageType::initiation;
      return std::nullopt;
    case 2:
      if (datagram.size() == kResponseSize) return MessageType::response;
      return std::nullopt;
    case 3:
      if (datagram.size() == kCookieReplySize) return MessageType::cookie_reply;
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

}  // namespace xm
