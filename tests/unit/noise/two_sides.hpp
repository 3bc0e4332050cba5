// Two configured sides of a handshake, for tests.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "agent/crypto/x25519.hpp"
#include "agent/noise/cookie.hpp"
#include "agent/noise/handshake.hpp"
#include "tests/support/seeded_random.hpp"

namespace xm::test {

template <typename Message>
Bytes bytes_of(const Message& message) {
  return {reinterpret_cast<const std::uint8_t*>(&message), sizeof message};
}

template <typename Message>
MutableBytes mutable_bytes_of(Message& message) {
  return {reinterpret_cast<std::uint8_t*>(&message), sizeof message};
}

inline constexpr WallTime kWall{1'700'000'000'000'000'000};
inline constexpr Instant kStart{1'000'000'000'000};

struct TwoSides {
  static constexpr std::uint32_t kInitiatorIndex = 0x11111111;
  static constexpr std::uint32_t kResponderIndex = 0x22222222;

  SeededRandom random;
  LocalStatic initiator = LocalStatic::from(generate_private_key(random));
  LocalStatic responder = LocalStatic::from(generate_private_key(random));
  // How each side sees the other.
  RemoteStatic to_responder = RemoteStatic::from(initiator, responder.public_key, Key{});
  RemoteStatic to_initiator = RemoteStatic::from(responder, initiator.public_key, Key{});
  PendingInitiation pending;

  void set_preshared_key(const Key& key) {
    to_responder.preshared_key = key.clone();
    to_initiator.preshared_key = key.clone();
  }

  [[nodiscard]] MessageInitiation initiate(std::uint32_t index = kInitiatorIndex) {
    return pending.create(initiator, to_responder, index, Tai64n::from(kWall), random).value();
  }
  // Steps 1 and 2 of the responder.
  [[nodiscard]] std::optional<AuthenticInitiation> receive(const MessageInitiation& message) const {
    std::optional<IdentifiedInitiation> identified = identify_initiation(responder, message);
    if (!identified || identified->remote_key() != to_initiator.key) return std::nullopt;
    return std::move(*identified).authenticate(to_initiator);
  }
  // All three.
  [[nodiscard]] std::optional<CreatedResponse> answer(const MessageInitiation& message) {
    std::optional<AuthenticInitiation> authentic = receive(message);
    if (!authentic) return std::nullopt;
    return std::move(*authentic).respond(to_initiator, kResponderIndex, random);
  }
  [[nodiscard]] std::optional<TransportKeys> finish(const MessageResponse& response) {
    return pending.consume(initiator, to_responder, response);
  }
};

}  // namespace xm::test
