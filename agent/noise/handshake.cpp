#include "agent/noise/handshake.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "agent/crypto/x25519.hpp"

namespace xm {
namespace {

constexpr std::string_view kProtocolName = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
constexpr std::string_view kPrologue = "WireGuard v1 zx2c4 Jason@zx2c4.com";

// The pattern's pre-message: the initiator knows the responder's static key.
SymmetricState start_with(const PublicKey& responder_key) {
  SymmetricState state(kProtocolName,
                       {reinterpret_cast<const std::uint8_t*>(kPrologue.data()), kPrologue.size()});
  state.mix_hash(responder_key);
  return state;
}

// Token "e". A pattern with a preshared key mixes the ephemeral into the key as well (Noise, 9.2).
void mix_ephemeral(SymmetricState& state, const PublicKey& ephemeral) {
  state.mix_hash(ephemeral);
  state.mix_key(ephemeral);
}

// Tokens "es", "ee", "se". False for a point of low order.
[[nodiscard]] bool mix_dh(SymmetricState& state, const Key& private_key, const PublicKey& point) {
  const std::optional<Key> shared = shared_secret(private_key, point);
  if (!shared) return false;
  state.mix_key(shared->expose());
  return true;
}

// Token "ss", computed once per peer.
[[nodiscard]] bool mix_static_static(SymmetricState& state, const RemoteStatic& remote) {
  if (remote.static_static.is_zero()) return false;
  state.mix_key(remote.static_static.expose());
  return true;
}

PublicKey point_in(const std::uint8_t (&field)[kPublicKeySize]) {
  PublicKey point;
  std::copy(std::begin(field), std::end(field), point.begin());
  return point;
}

void put(Bytes bytes, std::uint8_t* at) {
  std::copy(bytes.begin(), bytes.end(), at);
}

}  // namespace

LocalStatic LocalStatic::from(Key private_key) {
  LocalStatic local;
  if (private_key.is_zero()) return local;
  local.private_key = std::move(private_key);
  clamp_private_key(local.private_key);
  local.public_key = xm::public_key(local.private_key);
  return local;
}

RemoteStatic RemoteStatic::from(const LocalStatic& local, const PublicKey& key, Key preshared_key) {
  RemoteStatic remote;
  remote.key = key;
  remote.preshared_key = std::move(preshared_key);
  if (!local.is_set()) return remote;
  if (std::optional<Key> shared = shared_secret(local.private_key, key)) {
    remote.static_static = std::move(*shared);
  }
  return remote;
}

// -> e, es, s, ss; the payload is the timestamp.
std::optional<MessageInitiation> PendingInitiation::create(const LocalStatic& local,
                                                           const RemoteStatic& remote,
                                                           std::uint32_t local_index,
                                                           const Tai64n& timestamp,
                                                           Random& random) {
  pending_.reset();
  if (!local.is_set()) return std::nullopt;

  State next{start_with(remote.key), generate_private_key(random), local_index};
  const PublicKey ephemeral = public_key(next.ephemeral);
  MessageInitiation message{};
  store_le32(message.type, static_cast<std::uint32_t>(MessageType::initiation));
  store_le32(message.sender_index, local_index);
  put(ephemeral, message.ephemeral);

  mix_ephemeral(next.symmetric, ephemeral);
  if (!mix_dh(next.symmetric, next.ephemeral, remote.key)) return std::nullopt;
  next.symmetric.encrypt_and_hash(local.public_key, message.encrypted_static);
  if (!mix_static_static(next.symmetric, remote)) return std::nullopt;
  next.symmetric.encrypt_and_hash(timestamp.octets, message.encrypted_timestamp);

  pending_ = std::move(next);
  return message;
}

// <- e, ee, se, psk; the payload is empty.
std::optional<TransportKeys> PendingInitiation::consume(const LocalStatic& local,
                                                        const RemoteStatic& remote,
                                                        const MessageResponse& response) {
  if (!pending_ || load_le32(response.receiver_index) != pending_->local_index) {
    return std::nullopt;
  }
  // On a copy: only a response that proves genuine may change what is pending.
  SymmetricState state = pending_->symmetric.clone();
  const PublicKey ephemeral = point_in(response.ephemeral);
  mix_ephemeral(state, ephemeral);
  if (!mix_dh(state, pending_->ephemeral, ephemeral)) return std::nullopt;
  if (!mix_dh(state, local.private_key, ephemeral)) return std::nullopt;
  state.mix_key_and_hash(remote.preshared_key.expose());
  if (!state.decrypt_and_hash(response.encrypted_nothing, {})) return std::nullopt;

  std::array<Key, 2> keys = state.split();
  TransportKeys transport{std::move(keys[0]), std::move(keys[1]), pending_->local_index,
                          load_le32(response.sender_index), true};
  pending_.reset();
  return transport;
}

std::optional<IdentifiedInitiation> identify_initiation(const LocalStatic& local,
                                                        const MessageInitiation& message) {
  if (!local.is_set()) return std::nullopt;
  IdentifiedInitiation initiation;
  initiation.symmetric_ = start_with(local.public_key);
  initiation.ephemeral_ = point_in(message.ephemeral);
  mix_ephemeral(initiation.symmetric_, initiation.ephemeral_);
  if (!mix_dh(initiation.symmetric_, local.private_key, initiation.ephemeral_)) {
    return std::nullopt;
  }
  if (!initiation.symmetric_.decrypt_and_hash(message.encrypted_static, initiation.remote_key_)) {
    return std::nullopt;
  }
  initiation.sender_index_ = load_le32(message.sender_index);
  put(message.encrypted_timestamp, initiation.encrypted_timestamp_.data());
  return initiation;
}

std::optional<AuthenticInitiation> IdentifiedInitiation::authenticate(
    const RemoteStatic& remote) && {
  AuthenticInitiation authentic;
  if (!mix_static_static(symmetric_, remote)) return std::nullopt;
  if (!symmetric_.decrypt_and_hash(encrypted_timestamp_, authentic.timestamp_.octets)) {
    return std::nullopt;
  }
  authentic.symmetric_ = std::move(symmetric_);
  authentic.ephemeral_ = ephemeral_;
  authentic.sender_index_ = sender_index_;
  return authentic;
}

std::optional<CreatedResponse> AuthenticInitiation::respond(const RemoteStatic& remote,
                                                            std::uint32_t local_index,
                                                            Random& random) && {
  const Key private_ephemeral = generate_private_key(random);
  const PublicKey ephemeral = public_key(private_ephemeral);
  CreatedResponse response{};
  store_le32(response.message.type, static_cast<std::uint32_t>(MessageType::response));
  store_le32(response.message.sender_index, local_index);
  store_le32(response.message.receiver_index, sender_index_);
  put(ephemeral, response.message.ephemeral);

  mix_ephemeral(symmetric_, ephemeral);
  if (!mix_dh(symmetric_, private_ephemeral, ephemeral_)) return std::nullopt;
  if (!mix_dh(symmetric_, private_ephemeral, remote.key)) return std::nullopt;
  symmetric_.mix_key_and_hash(remote.preshared_key.expose());
  symmetric_.encrypt_and_hash({}, response.message.encrypted_nothing);

  std::array<Key, 2> keys = symmetric_.split();
  response.keys = {std::move(keys[1]), std::move(keys[0]), local_index, sender_index_, false};
  return response;
}

}  // namespace xm
