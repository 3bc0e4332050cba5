#include "agent/noise/cookie.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "agent/crypto/chacha.hpp"

namespace xm {
namespace {

constexpr std::string_view kMac1Label = "mac1----";
constexpr std::string_view kCookieLabel = "cookie--";

Key labelled_key(std::string_view label, const PublicKey& key) {
  const Hash hash =
      blake2s({Bytes(reinterpret_cast<const std::uint8_t*>(label.data()), label.size()), key});
  return Key{std::span<const std::uint8_t, 32>(hash)};
}

bool has_macs(Bytes message) {
  return message.size() == kInitiationSize || message.size() == kResponseSize;
}

// What each mac covers, and where it lies.
Bytes before_mac1(Bytes message) {
  return message.first(message.size() - 2 * kMacSize);
}
Bytes before_mac2(Bytes message) {
  return message.first(message.size() - kMacSize);
}
Bytes mac1_in(Bytes message) {
  return message.last(2 * kMacSize).first(kMacSize);
}
Bytes mac2_in(Bytes message) {
  return message.last(kMacSize);
}

XNonce nonce_in(const MessageCookieReply& reply) {
  XNonce nonce;
  std::copy(std::begin(reply.nonce), std::end(reply.nonce), nonce.begin());
  return nonce;
}

}  // namespace

Blake2sChaining mac1_chaining(const PublicKey& local_key) {
  return blake2s_mac_chaining(labelled_key(kMac1Label, local_key).expose());
}

CookieChecker::CookieChecker(const PublicKey& local_key, Random& random) : random_(random) {
  set_local_key(local_key);
}

void CookieChecker::set_local_key(const PublicKey& local_key) {
  mac1_key_ = labelled_key(kMac1Label, local_key);
  encryption_key_ = labelled_key(kCookieLabel, local_key);
}

bool CookieChecker::mac1_is_valid(Bytes message) const {
  if (!has_macs(message)) return false;
  const Mac16 expected = blake2s_mac(mac1_key_.expose(), {before_mac1(message)});
  return equal_constant_time(expected, mac1_in(message));
}

bool CookieChecker::mac2_is_valid(Bytes message, const Endpoint& source, Instant now) {
  if (!has_macs(message)) return false;
  const Secret<kCookieSize> cookie = cookie_for(source, now);
  const Mac16 expected = blake2s_mac(cookie.expose(), {before_mac2(message)});
  return equal_constant_time(expected, mac2_in(message));
}

MessageCookieReply CookieChecker::make_reply(Bytes message, const Endpoint& source, Instant now) {
  MessageCookieReply reply{};
  if (!has_macs(message)) return reply;
  store_le32(reply.type, static_cast<std::uint32_t>(MessageType::cookie_reply));
  // The sender index follows the type in both kinds of message.
  std::copy_n(message.begin() + 4, sizeof reply.receiver_index, reply.receiver_index);
  random_.fill(reply.nonce);
  const Secret<kCookieSize> cookie = cookie_for(source, now);
  xseal_with_aad(encryption_key_, nonce_in(reply), mac1_in(message), cookie.expose(),
                 reply.encrypted_cookie);
  return reply;
}

Secret<kCookieSize> CookieChecker::cookie_for(const Endpoint& source, Instant now) {
  if (secret_born_.is_never() || now - secret_born_ >= kCookieSecretMaxAge) {
    random_.fill(secret_.expose_mutable());
    secret_born_ = now;
  }
  std::array<std::uint8_t, 2> port;
  store_be16(port.data(), source.port);
  Mac16 cookie = blake2s_mac(secret_.expose(), {source.address.bytes(), port});
  Secret<kCookieSize> secret{std::span<const std::uint8_t, kCookieSize>(cookie)};
  sodium_memzero(cookie.data(), cookie.size());
  return secret;
}

CookieJar::CookieJar(const PublicKey& remote_key)
    : mac1_key_(labelled_key(kMac1Label, remote_key)),
      encryption_key_(labelled_key(kCookieLabel, remote_key)) {}

void CookieJar::sign(MessageInitiation& message, Instant now) {
  message.macs = sign_bytes({reinterpret_cast<const std::uint8_t*>(&message), sizeof message}, now);
}

void CookieJar::sign(MessageResponse& message, Instant now) {
  message.macs = sign_bytes({reinterpret_cast<const std::uint8_t*>(&message), sizeof message}, now);
}

MessageMacs CookieJar::sign_bytes(Bytes message, Instant now) {
  MessageMacs macs{};
  last_mac1_ = blake2s_mac(mac1_key_.expose(), {before_mac1(message)});
  awaits_reply_ = true;
  std::copy(last_mac1_.begin(), last_mac1_.end(), macs.mac1);
  if (!cookie_born_.is_never() && now - cookie_born_ < kCookieSecretMaxAge - kCookieLatency) {
    const Mac16 mac2 = blake2s_mac(cookie_.expose(), {before_mac1(message), last_mac1_});
    std::copy(mac2.begin(), mac2.end(), macs.mac2);
  }
  return macs;
}

bool CookieJar::consume(const MessageCookieReply& reply, Instant now) {
  if (!awaits_reply_) return false;
  Secret<kCookieSize> cookie;
  if (!xopen_with_aad(encryption_key_, nonce_in(reply), last_mac1_, reply.encrypted_cookie,
                      cookie.expose_mutable())) {
    return false;
  }
  cookie_ = std::move(cookie);
  cookie_born_ = now;
  awaits_reply_ = false;
  return true;
}

bool HandshakeLoad::is_under_load(std::size_t queued, std::size_t capacity, Instant now) {
  if (queued > 0 && queued >= capacity / 8) {
    last_loaded_ = now;
    return true;
  }
  return !last_loaded_.is_never() && now - last_loaded_ < kLoadPersists;
}

}  // namespace xm
