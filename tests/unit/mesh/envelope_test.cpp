#include "agent/mesh/envelope.hpp"

#include <doctest/doctest.h>

namespace xm {
namespace {

VerifyKey key_of(std::uint8_t byte) {
  VerifyKey key;
  key.fill(byte);
  return key;
}

Key mac_key() {
  return envelope_mac_key("mesh", MacAudience::identity, key_of(1));
}

const std::vector<std::uint8_t> kRecord(kMaxRecordSize, 7);
const std::vector<std::uint8_t> kCertificates(kMaxCertificatesSize, 8);

TEST_CASE("envelope: a hello is read as it was written, and has one of two sizes") {
  Hello hello{{key_of(2)}, {1}, {2}, {3}, kRecord, kCertificates};
  const auto full = write_hello(hello, mac_key());
  CHECK(full.size() == kFullHelloSize);
  CHECK(envelope_kind(full) == EnvelopeKind::hello);
  CHECK(envelope_mac_holds(full, mac_key()));
  const auto parsed = parse_hello(full);
  REQUIRE(parsed);
  CHECK(parsed->sender == hello.sender);
  CHECK(parsed->boot == hello.boot);
  CHECK(parsed->challenge == hello.challenge);
  CHECK(parsed->cookie == hello.cookie);
  CHECK(parsed->record.size() == kRecord.size());
  CHECK(parsed->certificates.size() == kCertificates.size());
  hello.record = {};
  hello.certificates = {};
  CHECK(write_hello(hello, mac_key()).size() == kShortHelloSize);
  CHECK(parse_hello(write_hello(hello, mac_key())));
}

TEST_CASE("envelope: the answer to a hello has the hello's size, of either kind") {
  for (const std::size_t size : {kShortHelloSize, kFullHelloSize}) {
    AnswerBody body{{4}, true, {}, {}};
    if (size == kFullHelloSize) {
      body.record = kRecord;
      body.certificates = kCertificates;
    }
    const auto plaintext = write_answer_body(body, size);
    const std::vector<std::uint8_t> sealed(plaintext.size() + 16);
    const HelloAnswer answer{{key_of(2)}, {1}, {2}, 99, sealed};
    const auto datagram = write_answer(answer, mac_key());
    CHECK(datagram.size() == size);
    const auto parsed = parse_answer(datagram);
    REQUIRE(parsed);
    CHECK(parsed->echo == answer.echo);
    CHECK(parsed->counter == 99);
    const auto read = parse_answer_body(plaintext);
    REQUIRE(read);
    CHECK(read->challenge == body.challenge);
    CHECK(read->knows_other_boot);
    CHECK(read->record.size() == body.record.size());
  }
}

TEST_CASE("envelope: what answers an unproven address is no longer than what it answers") {
  CHECK(write_cookie({}, mac_key()).size() <= kShortHelloSize);
  const auto sealed = write_sealed({1, 2, 3, std::vector<std::uint8_t>(16)}, mac_key());
  CHECK(write_stale(envelope_mac(sealed), mac_key()).size() <= sealed.size());
}

TEST_CASE("envelope: cookie, sealed and stale are read as they were written") {
  const CookieDatagram cookie{{1}, {2}};
  const auto parsed_cookie = parse_cookie(write_cookie(cookie, mac_key()));
  REQUIRE(parsed_cookie);
  CHECK(parsed_cookie->echo == cookie.echo);
  CHECK(parsed_cookie->cookie == cookie.cookie);
  const std::vector<std::uint8_t> bytes(40, 5);
  const auto sealed = write_sealed({11, 22, 33, bytes}, mac_key());
  const auto parsed_sealed = parse_sealed(sealed);
  REQUIRE(parsed_sealed);
  CHECK(parsed_sealed->sender_hint == 11);
  CHECK(parsed_sealed->session_hint == 22);
  CHECK(parsed_sealed->counter == 33);
  CHECK(parsed_sealed->sealed.size() == 40);
  const auto stale = write_stale(envelope_mac(sealed), mac_key());
  const auto parsed_stale = parse_stale(stale);
  REQUIRE(parsed_stale);
  CHECK(equal_constant_time(*parsed_stale, envelope_mac(sealed)));
}

TEST_CASE("envelope: a changed bit anywhere breaks the mac or the form") {
  const auto datagram = write_sealed({11, 22, 33, std::vector<std::uint8_t>(20)}, mac_key());
  for (std::size_t i = 0; i < datagram.size(); ++i) {
    auto changed = datagram;
    changed[i] ^= 1;
    CAPTURE(i);
    CHECK((!envelope_kind(changed) || !envelope_mac_holds(changed, mac_key())));
  }
}

TEST_CASE("envelope: the mac's key depends on mesh, audience and key") {
  const auto datagram = write_cookie({}, mac_key());
  CHECK(envelope_mac_holds(datagram, mac_key()));
  CHECK_FALSE(
      envelope_mac_holds(datagram, envelope_mac_key("other", MacAudience::identity, key_of(1))));
  CHECK_FALSE(
      envelope_mac_holds(datagram, envelope_mac_key("mesh", MacAudience::organisation, key_of(1))));
  CHECK_FALSE(
      envelope_mac_holds(datagram, envelope_mac_key("mesh", MacAudience::identity, key_of(2))));
}

TEST_CASE("envelope: gossip is neither WireGuard nor STUN") {
  const auto datagram = write_cookie({}, mac_key());
  CHECK(is_gossip(datagram));
  CHECK(load_le32(datagram.data()) > 4);
  CHECK((datagram[0] & 0xc0) != 0);
  CHECK_FALSE(is_gossip(std::vector<std::uint8_t>{1, 0, 0, 0}));
  CHECK_FALSE(is_gossip({}));
}

TEST_CASE("envelope: lengths that are none of the kind's are refused") {
  const auto hello = write_hello({{key_of(2)}, {1}, {2}, {3}, kRecord, {}}, mac_key());
  CHECK_FALSE(parse_hello(Bytes(hello).first(hello.size() - 1)));
  CHECK_FALSE(parse_answer(std::vector<std::uint8_t>(kShortHelloSize - 1)));
  const auto cookie = write_cookie({}, mac_key());
  CHECK_FALSE(parse_cookie(Bytes(cookie).first(cookie.size() - 1)));
  CHECK_FALSE(parse_sealed(std::vector<std::uint8_t>(kEnvelopeSize + 24 + 15)));
  CHECK_FALSE(envelope_kind(std::vector<std::uint8_t>(kEnvelopeSize - 1)));
  auto padded = hello;
  padded.back() = 1;
  CHECK_FALSE(parse_hello(padded));
}

}  // namespace
}  // namespace xm
