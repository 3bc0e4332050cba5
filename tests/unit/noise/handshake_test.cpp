#include "agent/noise/handshake.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <set>

#include "tests/unit/crypto/vectors.hpp"
#include "tests/unit/noise/exchange_vector.hpp"
#include "tests/unit/noise/two_sides.hpp"

namespace xm {
namespace {

using test::bytes_of;
using test::mutable_bytes_of;
using test::TwoSides;

// first, first + 1, …: the inputs of tests/vectors/wireguard_exchange.py.
test::Buffer counting_from(std::uint8_t first) {
  test::Buffer bytes = test::counting(32);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(byte + first);
  return bytes;
}
Key key_from(std::uint8_t first) {
  return test::key_of(counting_from(first));
}

void check_agreement(const TransportKeys& initiator, const TransportKeys& responder) {
  CHECK(initiator.send == responder.receive);
  CHECK(initiator.receive == responder.send);
  CHECK_FALSE(initiator.send == initiator.receive);
  CHECK(initiator.local_index == responder.remote_index);
  CHECK(initiator.remote_index == responder.local_index);
  CHECK(initiator.is_initiator);
  CHECK_FALSE(responder.is_initiator);
}

// RFC 7748's curve has these u-coordinates of low order (those below 2^255), and their twins above
// the prime.
std::vector<PublicKey> low_order_points() {
  std::vector<PublicKey> points;
  for (const char* hex : {
           "0000000000000000000000000000000000000000000000000000000000000000",
           "0100000000000000000000000000000000000000000000000000000000000000",
           "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
           "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
           "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
           "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
           "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
       }) {
    points.push_back(test::array_of<32>(test::from_hex(hex)));
  }
  return points;
}

}  // namespace

TEST_CASE("handshake: every byte agrees with an independent implementation") {
  const LocalStatic initiator = LocalStatic::from(key_from(0x01));
  const LocalStatic responder = LocalStatic::from(key_from(0x21));
  const RemoteStatic to_responder =
      RemoteStatic::from(initiator, responder.public_key, key_from(0x81));
  const RemoteStatic to_initiator =
      RemoteStatic::from(responder, initiator.public_key, key_from(0x81));
  const Tai64n stamp = Tai64n::from({1'700'000'000'123'456'789});
  test::ScriptedRandom initiator_random(counting_from(0x41));
  test::ScriptedRandom responder_random(counting_from(0x61));
  CookieJar initiator_jar(responder.public_key);
  CookieJar responder_jar(initiator.public_key);

  PendingInitiation pending;
  auto initiation =
      pending.create(initiator, to_responder, 0x11223344, stamp, initiator_random).value();
  initiator_jar.sign(initiation, test::kStart);
  CHECK(test::to_hex(bytes_of(initiation)) == test::exchange::kInitiation);

  auto authentic =
      identify_initiation(responder, initiation).value().authenticate(to_initiator).value();
  CHECK(authentic.timestamp() == stamp);
  auto response = std::move(authentic).respond(to_initiator, 0x55667788, responder_random).value();
  responder_jar.sign(response.message, test::kStart);
  CHECK(test::to_hex(bytes_of(response.message)) == test::exchange::kResponse);

  const auto keys = pending.consume(initiator, to_responder, response.message).value();
  check_agreement(keys, response.keys);
  CHECK(test::to_hex(keys.send.expose()) == test::exchange::kInitiatorSends);
  CHECK(test::to_hex(keys.receive.expose()) == test::exchange::kResponderSends);
  CHECK(keys.local_index == 0x11223344);
  CHECK(keys.remote_index == 0x55667788);
}

TEST_CASE("handshake: both sides agree, with and without a preshared key") {
  for (const bool with_preshared_key : {false, true}) {
    TwoSides sides;
    if (with_preshared_key) sides.set_preshared_key(key_from(9));
    const MessageInitiation initiation = sides.initiate();
    CHECK(message_type(bytes_of(initiation)) == MessageType::initiation);
    CHECK(sides.pending.local_index() == TwoSides::kInitiatorIndex);
    const auto authentic = sides.receive(initiation);
    REQUIRE(authentic);
    CHECK(authentic->timestamp() == Tai64n::from(test::kWall));
    CHECK(authentic->sender_index() == TwoSides::kInitiatorIndex);

    const auto response = sides.answer(initiation);
    REQUIRE(response);
    CHECK(message_type(bytes_of(response->message)) == MessageType::response);
    const auto keys = sides.finish(response->message);
    REQUIRE(keys);
    check_agreement(*keys, response->keys);
  }
}

TEST_CASE("handshake: every exchange has its own ephemerals and keys") {
  TwoSides sides;
  std::set<std::string> seen;
  for (int i = 0; i < 8; ++i) {
    const MessageInitiation initiation = sides.initiate();
    const auto response = sides.answer(initiation);
    const auto keys = sides.finish(response->message);
    REQUIRE(keys);
    seen.insert(test::to_hex(keys->send.expose()));
    seen.insert(test::to_hex(keys->receive.expose()));
    seen.insert(test::to_hex(initiation.ephemeral));
    seen.insert(test::to_hex(response->message.ephemeral));
  }
  CHECK(seen.size() == 32);
}

TEST_CASE("handshake: an unequal preshared key is found out by the initiator alone") {
  TwoSides sides;
  sides.to_responder.preshared_key = key_from(1);
  sides.to_initiator.preshared_key = key_from(2);
  const MessageInitiation initiation = sides.initiate();
  const auto response = sides.answer(initiation);
  REQUIRE(response);
  CHECK_FALSE(sides.finish(response->message));
  CHECK(sides.pending.is_pending());

  // It is not in the initiation: once the responder's is right, the same one can be answered.
  sides.to_initiator.preshared_key = key_from(1);
  CHECK(sides.finish(sides.answer(initiation)->message));
}

TEST_CASE("handshake: an initiation with any bit of its Noise fields changed is refused") {
  TwoSides sides;
  const MessageInitiation initiation = sides.initiate();
  for (std::size_t i = offsetof(MessageInitiation, ephemeral);
       i < offsetof(MessageInitiation, macs); ++i) {
    for (const int bit : {0, 7}) {
      // X25519 ignores the topmost bit of a point, but the transcript does not.
      MessageInitiation changed = initiation;
      mutable_bytes_of(changed)[i] ^= static_cast<std::uint8_t>(1 << bit);
      CHECK_MESSAGE(!sides.answer(changed), "byte ", i, " bit ", bit);
    }
  }
  CHECK(sides.answer(initiation));
}

TEST_CASE("handshake: a response with any bit of its Noise fields changed is refused") {
  TwoSides sides;
  const MessageInitiation initiation = sides.initiate();
  const auto response = sides.answer(initiation);
  REQUIRE(response);
  for (std::size_t i = offsetof(MessageResponse, receiver_index);
       i < offsetof(MessageResponse, macs); ++i) {
    for (const int bit : {0, 7}) {
      MessageResponse changed = response->message;
      mutable_bytes_of(changed)[i] ^= static_cast<std::uint8_t>(1 << bit);
      CHECK_MESSAGE(!sides.finish(changed), "byte ", i, " bit ", bit);
    }
  }
  // None of them has hurt what is pending.
  const auto keys = sides.finish(response->message);
  REQUIRE(keys);
  check_agreement(*keys, response->keys);
}

TEST_CASE("handshake: any changed byte of a whole message is refused by one check or another") {
  TwoSides sides;
  CookieChecker at_responder(sides.responder.public_key, sides.random);
  CookieJar jar(sides.responder.public_key);
  const Endpoint source = Endpoint::parse("192.0.2.7:1000").value();
  const Instant now = test::kStart;

  // With a cookie, so that mac2 counts as well.
  MessageInitiation first = sides.initiate();
  jar.sign(first, now);
  REQUIRE(jar.consume(at_responder.make_reply(bytes_of(first), source, now), now));
  MessageInitiation message = sides.initiate();
  jar.sign(message, now);

  const auto passes = [&](const MessageInitiation& candidate) {
    return message_type(bytes_of(candidate)) == MessageType::initiation &&
           at_responder.mac1_is_valid(bytes_of(candidate)) &&
           at_responder.mac2_is_valid(bytes_of(candidate), source, now) &&
           sides.answer(candidate).has_value();
  };
  REQUIRE(passes(message));
  for (std::size_t i = 0; i < sizeof message; ++i) {
    MessageInitiation changed = message;
    mutable_bytes_of(changed)[i] ^= 0x10;
    CHECK_MESSAGE(!passes(changed), "byte ", i);
  }
}

TEST_CASE("handshake: a response is consumed once") {
  TwoSides sides;
  const MessageInitiation initiation = sides.initiate();
  const auto response = sides.answer(initiation);
  CHECK(sides.finish(response->message));
  CHECK_FALSE(sides.pending.is_pending());
  CHECK_FALSE(sides.finish(response->message));
}

TEST_CASE("handshake: a response to an initiation that was given up is refused") {
  TwoSides sides;
  const auto response = sides.answer(sides.initiate(1));
  SUBCASE("for a newer one with another index") {
    (void)sides.initiate(2);
    CHECK_FALSE(sides.finish(response->message));
    CHECK(sides.pending.is_pending());
  }
  SUBCASE("for a newer one with the same index") {
    (void)sides.initiate(1);
    CHECK_FALSE(sides.finish(response->message));
  }
  SUBCASE("altogether") {
    sides.pending.clear();
    CHECK_FALSE(sides.finish(response->message));
  }
}

TEST_CASE("handshake: a response is refused once our keys have changed") {
  TwoSides sides;
  const auto response = sides.answer(sides.initiate());
  REQUIRE(response);
  SUBCASE("private key") {
    sides.initiator = LocalStatic::from(generate_private_key(sides.random));
    CHECK_FALSE(sides.finish(response->message));
  }
  SUBCASE("private key removed") {
    sides.initiator = LocalStatic::from(Key{});
    CHECK_FALSE(sides.finish(response->message));
  }
  SUBCASE("preshared key") {
    sides.to_responder.preshared_key = key_from(5);
    CHECK_FALSE(sides.finish(response->message));
  }
}

TEST_CASE("handshake: simultaneous initiations complete independently") {
  TwoSides sides;
  PendingInitiation other_way;
  const MessageInitiation one = sides.initiate();
  const auto two = other_way.create(sides.responder, sides.to_initiator, 77,
                                    Tai64n::from(test::kWall), sides.random);
  REQUIRE(two);
  const auto answer_to_one = sides.answer(one);
  auto answer_to_two = identify_initiation(sides.initiator, *two)
                           .value()
                           .authenticate(sides.to_responder)
                           .value()
                           .respond(sides.to_responder, 88, sides.random);
  check_agreement(sides.finish(answer_to_one->message).value(), answer_to_one->keys);
  check_agreement(
      other_way.consume(sides.responder, sides.to_initiator, answer_to_two->message).value(),
      answer_to_two->keys);
}

TEST_CASE("handshake: an initiation for another responder, or in another's name, is refused") {
  TwoSides sides;
  const MessageInitiation initiation = sides.initiate();
  const LocalStatic stranger = LocalStatic::from(generate_private_key(sides.random));
  CHECK_FALSE(identify_initiation(stranger, initiation));

  // Someone who knows both public keys but neither private one can name the initiator ...
  LocalStatic impostor = LocalStatic::from(generate_private_key(sides.random));
  impostor.public_key = sides.initiator.public_key;
  const RemoteStatic target = RemoteStatic::from(impostor, sides.responder.public_key, Key{});
  PendingInitiation pending;
  const auto forged = pending.create(impostor, target, 5, Tai64n::from(test::kWall), sides.random);
  auto identified = identify_initiation(sides.responder, *forged);
  REQUIRE(identified);
  CHECK(identified->remote_key() == sides.initiator.public_key);
  // ... and gets no further.
  CHECK_FALSE(std::move(*identified).authenticate(sides.to_initiator));
}

TEST_CASE("handshake: points of low order are refused everywhere") {
  for (const PublicKey& point : low_order_points()) {
    TwoSides sides;
    const MessageInitiation initiation = sides.initiate();

    MessageInitiation bad_initiation = initiation;
    std::copy(point.begin(), point.end(), bad_initiation.ephemeral);
    CHECK_FALSE(identify_initiation(sides.responder, bad_initiation));

    MessageResponse bad_response = sides.answer(initiation)->message;
    std::copy(point.begin(), point.end(), bad_response.ephemeral);
    CHECK_FALSE(sides.finish(bad_response));
    CHECK(sides.pending.is_pending());

    const RemoteStatic bad_peer = RemoteStatic::from(sides.initiator, point, Key{});
    CHECK(bad_peer.static_static.is_zero());
    CHECK_FALSE(sides.pending.create(sides.initiator, bad_peer, 1, Tai64n{}, sides.random));
    CHECK_FALSE(sides.pending.is_pending());
    auto identified = identify_initiation(sides.responder, initiation);
    CHECK_FALSE(std::move(*identified).authenticate(bad_peer));
    auto authentic = sides.receive(initiation);
    CHECK_FALSE(std::move(*authentic).respond(bad_peer, 1, sides.random));
  }
}

TEST_CASE("handshake: nothing goes without a private key of our own") {
  TwoSides sides;
  const LocalStatic unset = LocalStatic::from(Key{});
  CHECK_FALSE(unset.is_set());
  const RemoteStatic remote = RemoteStatic::from(unset, sides.responder.public_key, key_from(1));
  CHECK(remote.static_static.is_zero());
  CHECK(remote.preshared_key == key_from(1));
  CHECK_FALSE(sides.pending.create(unset, remote, 1, Tai64n{}, sides.random));
  CHECK_FALSE(identify_initiation(unset, sides.initiate()));
}

TEST_CASE("handshake: a private key is clamped as other tools show it") {
  const LocalStatic local = LocalStatic::from(key_from(0xf7));
  Key clamped = key_from(0xf7);
  clamp_private_key(clamped);
  CHECK(local.private_key == clamped);
  CHECK(local.public_key == public_key(clamped));
}

}  // namespace xm
