#include "agent/noise/cookie.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>

#include "tests/unit/crypto/vectors.hpp"
#include "tests/unit/noise/exchange_vector.hpp"
#include "tests/unit/noise/two_sides.hpp"

namespace xm {
namespace {

using test::bytes_of;
using test::kStart;
using test::mutable_bytes_of;

Endpoint endpoint(std::string_view text) {
  return Endpoint::parse(text).value();
}

template <typename Message>
Message message_of_hex(std::string_view hex) {
  const test::Buffer bytes = test::from_hex(hex);
  Message message;
  REQUIRE(bytes.size() == sizeof message);
  std::copy(bytes.begin(), bytes.end(), mutable_bytes_of(message).begin());
  return message;
}

Bytes mac2_of(const MessageInitiation& message) {
  return message.macs.mac2;
}
bool has_mac2(const MessageInitiation& message) {
  return !std::ranges::all_of(mac2_of(message), [](std::uint8_t byte) { return byte == 0; });
}

// A receiver under load and a sender, joined by nothing: tests carry the messages.
struct ReceiverAndSender {
  test::SeededRandom random;
  LocalStatic receiver = LocalStatic::from(generate_private_key(random));
  CookieChecker checker{receiver.public_key, random};
  CookieJar jar{receiver.public_key};
  Endpoint source = endpoint("192.0.2.1:51820");

  // An initiation that no handshake stands behind: macs do not care.
  [[nodiscard]] MessageInitiation signed_initiation(Instant now) {
    MessageInitiation message{};
    store_le32(message.type, 1);
    random.fill(message.sender_index);
    random.fill(message.ephemeral);
    jar.sign(message, now);
    return message;
  }
  [[nodiscard]] MessageCookieReply reply_to(const MessageInitiation& message, Instant now) {
    return checker.make_reply(bytes_of(message), source, now);
  }
  void obtain_cookie(Instant now) {
    const MessageInitiation message = signed_initiation(now);
    REQUIRE(jar.consume(reply_to(message, now), now));
  }
  [[nodiscard]] bool accepts(const MessageInitiation& message, Instant now) {
    return checker.mac2_is_valid(bytes_of(message), source, now);
  }
};

}  // namespace

TEST_CASE("mac1: verifies on initiations and responses, for our key only") {
  ReceiverAndSender both;
  const MessageInitiation initiation = both.signed_initiation(kStart);
  MessageResponse response{};
  store_le32(response.type, 2);
  both.jar.sign(response, kStart);
  CHECK(both.checker.mac1_is_valid(bytes_of(initiation)));
  CHECK(both.checker.mac1_is_valid(bytes_of(response)));

  const LocalStatic other = LocalStatic::from(generate_private_key(both.random));
  both.checker.set_local_key(other.public_key);
  CHECK_FALSE(both.checker.mac1_is_valid(bytes_of(initiation)));
  CHECK_FALSE(both.checker.mac1_is_valid(bytes_of(response)));
}

TEST_CASE("mac1_chaining: where mac1 to a key stands behind the block of its label's hash") {
  const test::Buffer key = test::counting(32);
  const Hash labelled = blake2s({test::from_hex("6d6163312d2d2d2d"), key});
  CHECK(mac1_chaining(test::array_of<32>(key)) == blake2s_mac_chaining(labelled));
}

TEST_CASE("mac1: covers every byte before it and nothing after") {
  ReceiverAndSender both;
  const MessageInitiation message = both.signed_initiation(kStart);
  for (std::size_t i = 0; i < sizeof message; ++i) {
    MessageInitiation changed = message;
    mutable_bytes_of(changed)[i] ^= 1;
    const bool after = i >= sizeof message - kMacSize;
    CHECK_MESSAGE(both.checker.mac1_is_valid(bytes_of(changed)) == after, "byte ", i);
  }
}

TEST_CASE("mac1 and mac2: another length is no message") {
  ReceiverAndSender both;
  const test::Buffer zeroes(200);
  for (std::size_t size = 0; size <= zeroes.size(); ++size) {
    CHECK_FALSE(both.checker.mac1_is_valid(Bytes(zeroes).first(size)));
    CHECK_FALSE(both.checker.mac2_is_valid(Bytes(zeroes).first(size), both.source, kStart));
  }
}

TEST_CASE("cookie: a zero mac2 is never valid") {
  ReceiverAndSender both;
  const MessageInitiation message = both.signed_initiation(kStart);
  CHECK_FALSE(has_mac2(message));
  CHECK_FALSE(both.accepts(message, kStart));
}

TEST_CASE("cookie: reply and mac2 agree with an independent implementation") {
  // The secret is asked for after the nonce.
  test::Buffer script = test::counting(24);
  for (std::uint8_t& byte : script) byte = static_cast<std::uint8_t>(byte + 0xc1);
  for (unsigned i = 0; i < 32; ++i) script.push_back(static_cast<std::uint8_t>(0xa1 + i));
  test::ScriptedRandom random(script);

  Key responder_key;
  for (unsigned i = 0; i < 32; ++i) {
    responder_key.expose_mutable()[i] = static_cast<std::uint8_t>(0x21 + i);
  }
  const PublicKey responder = public_key(responder_key);
  CookieChecker checker(responder, random);
  CookieJar jar(responder);
  const Endpoint source = endpoint("192.0.2.1:51820");

  auto message = message_of_hex<MessageInitiation>(test::exchange::kInitiation);
  CHECK(checker.mac1_is_valid(bytes_of(message)));
  const MessageCookieReply reply = checker.make_reply(bytes_of(message), source, kStart);
  CHECK(test::to_hex(bytes_of(reply)) == test::exchange::kCookieReply);

  jar.sign(message, kStart);
  REQUIRE(jar.consume(reply, kStart));
  jar.sign(message, kStart);
  CHECK(test::to_hex(mac2_of(message)) == test::exchange::kMac2WithCookie);
  CHECK(checker.mac2_is_valid(bytes_of(message), source, kStart));
}

TEST_CASE("cookie: is bound to address and port") {
  const std::string_view sources[] = {"192.0.2.1:51820",     "192.0.2.1:51821",
                                      "192.0.2.2:51820",     "[2001:db8::1]:51820",
                                      "[2001:db8::1]:51821", "[2001:db8::2]:51820"};
  for (const std::string_view from : sources) {
    ReceiverAndSender both;
    both.source = endpoint(from);
    both.obtain_cookie(kStart);
    const MessageInitiation message = both.signed_initiation(kStart);
    for (const std::string_view to : sources) {
      both.source = endpoint(to);
      CHECK_MESSAGE(both.accepts(message, kStart) == (from == to), from, " as ", to);
    }
  }
}

TEST_CASE("cookie: mac2 covers the message and mac1") {
  ReceiverAndSender both;
  both.obtain_cookie(kStart);
  const MessageInitiation message = both.signed_initiation(kStart);
  REQUIRE(both.accepts(message, kStart));
  for (std::size_t i = 0; i < sizeof message; ++i) {
    MessageInitiation changed = message;
    mutable_bytes_of(changed)[i] ^= 0x80;
    CHECK_MESSAGE(!both.accepts(changed, kStart), "byte ", i);
  }
}

TEST_CASE("cookie: serves responses as well") {
  ReceiverAndSender both;
  MessageResponse response{};
  store_le32(response.type, 2);
  store_le32(response.sender_index, 0xabcdef01);
  both.jar.sign(response, kStart);
  const MessageCookieReply reply = both.checker.make_reply(bytes_of(response), both.source, kStart);
  CHECK(load_le32(reply.receiver_index) == 0xabcdef01);
  CHECK(message_type(bytes_of(reply)) == MessageType::cookie_reply);
  REQUIRE(both.jar.consume(reply, kStart));
  both.jar.sign(response, kStart);
  CHECK(both.checker.mac2_is_valid(bytes_of(response), both.source, kStart));
}

TEST_CASE("cookie: the secret is renewed after 120 s, whether asked for a check or a reply") {
  ReceiverAndSender both;
  both.obtain_cookie(kStart);
  const MessageInitiation message = both.signed_initiation(kStart);
  CHECK(both.accepts(message, kStart + 120s - 1ns));
  SUBCASE("by a check") {
    CHECK_FALSE(both.accepts(message, kStart + 120s));
  }
  SUBCASE("by a reply") {
    (void)both.reply_to(message, kStart + 120s);
    CHECK_FALSE(both.accepts(message, kStart + 120s));
    // The new secret lives as long, from its own birth.
    both.obtain_cookie(kStart + 200s);
    const MessageInitiation later = both.signed_initiation(kStart + 200s);
    CHECK(both.accepts(later, kStart + 240s - 1ns));
    CHECK_FALSE(both.accepts(later, kStart + 240s));
  }
}

TEST_CASE("cookie: the sender uses it for less than 115 s") {
  ReceiverAndSender both;
  both.obtain_cookie(kStart);
  CHECK(has_mac2(both.signed_initiation(kStart)));
  CHECK(has_mac2(both.signed_initiation(kStart + 115s - 1ns)));
  CHECK_FALSE(has_mac2(both.signed_initiation(kStart + 115s)));
  both.obtain_cookie(kStart + 120s);
  const MessageInitiation message = both.signed_initiation(kStart + 121s);
  CHECK(has_mac2(message));
  CHECK(both.accepts(message, kStart + 121s));
}

TEST_CASE("cookie: a reply is taken only for the last message, and once") {
  ReceiverAndSender both;
  CookieJar unused(both.receiver.public_key);
  const MessageInitiation first = both.signed_initiation(kStart);
  const MessageCookieReply to_first = both.reply_to(first, kStart);
  CHECK_FALSE(unused.consume(to_first, kStart));  // it has sent nothing

  const MessageInitiation second = both.signed_initiation(kStart);
  CHECK_FALSE(both.jar.consume(to_first, kStart));
  CHECK_FALSE(has_mac2(both.signed_initiation(kStart)));

  const MessageInitiation third = both.signed_initiation(kStart);
  CHECK_FALSE(both.jar.consume(both.reply_to(second, kStart), kStart));
  const MessageCookieReply to_third = both.reply_to(third, kStart);
  CHECK(both.jar.consume(to_third, kStart));
  CHECK_FALSE(both.jar.consume(to_third, kStart));  // nothing is awaited now
}

TEST_CASE("cookie: a forged reply is refused and the genuine one still taken") {
  ReceiverAndSender both;
  const MessageInitiation message = both.signed_initiation(kStart);
  const MessageCookieReply reply = both.reply_to(message, kStart);
  for (std::size_t i = offsetof(MessageCookieReply, nonce); i < sizeof reply; ++i) {
    MessageCookieReply forged = reply;
    mutable_bytes_of(forged)[i] ^= 4;
    CHECK_MESSAGE(!both.jar.consume(forged, kStart), "byte ", i);
  }
  CHECK(both.jar.consume(reply, kStart));
}

TEST_CASE("cookie: nonces differ and no cookie travels in the clear") {
  ReceiverAndSender both;
  const MessageInitiation message = both.signed_initiation(kStart);
  std::set<std::string> nonces;
  std::set<std::string> sealed;
  for (int i = 0; i < 16; ++i) {
    const MessageCookieReply reply = both.reply_to(message, kStart);
    nonces.insert(test::to_hex(reply.nonce));
    sealed.insert(test::to_hex(reply.encrypted_cookie));
  }
  CHECK(nonces.size() == 16);
  CHECK(sealed.size() == 16);
}

TEST_CASE("cookie: a change of our key keeps the secret") {
  ReceiverAndSender both;
  both.obtain_cookie(kStart);
  const MessageInitiation message = both.signed_initiation(kStart);
  both.checker.set_local_key(PublicKey{1});
  CHECK(both.accepts(message, kStart));
}

TEST_CASE("HandshakeLoad: from an eighth of the queue until a second after") {
  HandshakeLoad load;
  CHECK_FALSE(load.is_under_load(0, 4096, kStart));
  CHECK_FALSE(load.is_under_load(511, 4096, kStart));
  CHECK(load.is_under_load(512, 4096, kStart));
  CHECK(load.is_under_load(0, 4096, kStart + 1s - 1ns));
  CHECK_FALSE(load.is_under_load(0, 4096, kStart + 1s));
  CHECK(load.is_under_load(4096, 4096, kStart + 2s));
  CHECK(load.is_under_load(600, 4096, kStart + 2500ms));
  CHECK(load.is_under_load(0, 4096, kStart + 3400ms));
  CHECK_FALSE(load.is_under_load(0, 4, kStart + 10s));  // an empty queue is no load
}

}  // namespace xm
