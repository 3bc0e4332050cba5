#include "agent/mesh/envelope.hpp"

#include <algorithm>
#include <cstdlib>

#include "agent/mesh/byte_codec.hpp"
#include "agent/wire/demultiplex.hpp"

namespace xm {
namespace {

constexpr std::array<std::uint8_t, 4> kMagic{kGossipMagic[0], kGossipMagic[1], kGossipMagic[2], 1};
constexpr std::size_t kMacAt = 8;
constexpr std::size_t kMacLength = 16;
constexpr std::size_t kTagSize = 16;
constexpr std::size_t kAnswerFields = 32 + 16 + 16 + 8;
constexpr std::size_t kLeastAnswerBody = 16 + 1 + 2 + 2;
static_assert(kMacAt + kMacLength == kEnvelopeSize);
static_assert(kEnvelopeSize + 24 + kTagSize == kSealedOverhead);
static_assert(kEnvelopeSize + 80 + 4 + kMaxRecordSize + kMaxCertificatesSize <= kFullHelloSize);
static_assert(kEnvelopeSize + kAnswerFields + kLeastAnswerBody + kTagSize + kMaxRecordSize +
                  kMaxCertificatesSize <=
              kFullHelloSize);
static_assert(kEnvelopeSize + kAnswerFields + kLeastAnswerBody + kTagSize <= kShortHelloSize);
// Whatever these answer is longer.
static_assert(kStaleSize <= kSealedOverhead && kStaleSize <= kShortHelloSize);
static_assert(kCookieDatagramSize <= kShortHelloSize);

ByteWriter begin(EnvelopeKind kind) {
  ByteWriter out;
  out.bytes(kMagic);
  out.u8(static_cast<std::uint8_t>(kind));
  out.bytes(std::array<std::uint8_t, 3 + kMacLength>{});
  return out;
}

Mac16 mac_of(Bytes datagram, const Key& mac_key) {
  return blake2b_mac(mac_key.expose(), {datagram.first(kMacAt), datagram.subspan(kEnvelopeSize)});
}

std::vector<std::uint8_t> finish(ByteWriter out, const Key& mac_key) {
  std::vector<std::uint8_t> datagram = out.take();
  const Mac16 mac = mac_of(datagram, mac_key);
  std::copy(mac.begin(), mac.end(), datagram.begin() + kMacAt);
  return datagram;
}

void write_credentials(ByteWriter& out, Bytes record, Bytes certificates) {
  if (record.size() > kMaxRecordSize || certificates.size() > kMaxCertificatesSize) std::abort();
  out.u16(static_cast<std::uint16_t>(record.size()));
  out.bytes(record);
  out.u16(static_cast<std::uint16_t>(certificates.size()));
  out.bytes(certificates);
}

void pad(ByteWriter& out, std::size_t size) {
  out.bytes(std::vector<std::uint8_t>(size - std::min(size, out.size())));
}

Bytes read_blob(ByteReader& in, std::size_t most) {
  const std::size_t size = in.u16();
  if (size > most) in.fail();
  return in.take(size);
}

// The rest is padding, and padding is zero.
bool ends_in_zeroes(ByteReader& in) {
  const Bytes rest = in.take(in.left());
  return !in.failed() &&
         std::all_of(rest.begin(), rest.end(), [](std::uint8_t byte) { return byte == 0; });
}

ByteReader body_of(Bytes datagram) {
  return ByteReader(datagram.size() < kEnvelopeSize ? Bytes() : datagram.subspan(kEnvelopeSize));
}

}  // namespace

bool is_gossip(Bytes datagram) {
  return datagram.size() >= kMagic.size() &&
         std::equal(kMagic.begin(), kMagic.begin() + 3, datagram.begin());
}

Key envelope_mac_key(std::string_view mesh, MacAudience audience, const VerifyKey& key) {
  const std::string_view label = audience == MacAudience::identity
                                     ? "xdp-mesh gossip mac, identity"
                                     : "xdp-mesh gossip mac, organisation";
  const std::array<std::uint8_t, 1> length{static_cast<std::uint8_t>(mesh.size())};
  return blake2b_key({}, {bytes_of(label), length, bytes_of(mesh), key});
}

std::optional<EnvelopeKind> envelope_kind(Bytes datagram) {
  if (datagram.size() < kEnvelopeSize || datagram.size() > kMaxGossipDatagram) return std::nullopt;
  if (!std::equal(kMagic.begin(), kMagic.end(), datagram.begin())) return std::nullopt;
  if (datagram[5] != 0 || datagram[6] != 0 || datagram[7] != 0) return std::nullopt;
  if (datagram[4] < 1 || datagram[4] > 5) return std::nullopt;
  return static_cast<EnvelopeKind>(datagram[4]);
}

Bytes envelope_mac(Bytes datagram) {
  return datagram.subspan(kMacAt, kMacLength);
}

bool envelope_mac_holds(Bytes datagram, const Key& mac_key) {
  return equal_constant_time(mac_of(datagram, mac_key), envelope_mac(datagram));
}

// --- writing -------------------------------------------------------------------------------------

std::vector<std::uint8_t> write_hello(const Hello& hello, const Key& mac_key) {
  ByteWriter out = begin(EnvelopeKind::hello);
  out.bytes(hello.sender.key);
  out.bytes(hello.boot);
  out.bytes(hello.challenge);
  out.bytes(hello.cookie);
  write_credentials(out, hello.record, hello.certificates);
  pad(out, hello.record.empty() ? kShortHelloSize : kFullHelloSize);
  return finish(std::move(out), mac_key);
}

std::vector<std::uint8_t> write_answer_body(const AnswerBody& body, std::size_t hello_size) {
  ByteWriter out;
  out.bytes(body.challenge);
  out.u8(body.knows_other_boot ? 1 : 0);
  write_credentials(out, body.record, body.certificates);
  pad(out, hello_size - kEnvelopeSize - kAnswerFields - kTagSize);
  return out.take();
}

std::vector<std::uint8_t> write_answer(const HelloAnswer& answer, const Key& mac_key) {
  ByteWriter out = begin(EnvelopeKind::answer);
  out.bytes(answer_aad(answer));
  out.bytes(answer.sealed);
  return finish(std::move(out), mac_key);
}

std::vector<std::uint8_t> write_cookie(const CookieDatagram& cookie, const Key& mac_key) {
  ByteWriter out = begin(EnvelopeKind::cookie);
  out.bytes(cookie.echo);
  out.bytes(cookie.cookie);
  return finish(std::move(out), mac_key);
}

std::vector<std::uint8_t> write_sealed(const SealedEnvelope& sealed, const Key& mac_key) {
  ByteWriter out = begin(EnvelopeKind::sealed);
  out.bytes(sealed_aad(sealed));
  out.bytes(sealed.sealed);
  return finish(std::move(out), mac_key);
}

std::vector<std::uint8_t> write_stale(Bytes answered_mac, const Key& mac_key) {
  ByteWriter out = begin(EnvelopeKind::stale);
  out.bytes(answered_mac);
  return finish(std::move(out), mac_key);
}

std::array<std::uint8_t, 24> sealed_aad(const SealedEnvelope& sealed) {
  std::array<std::uint8_t, 24> fields;
  store_le64(fields.data(), sealed.sender_hint);
  store_le64(fields.data() + 8, sealed.session_hint);
  store_le64(fields.data() + 16, sealed.counter);
  return fields;
}

std::array<std::uint8_t, 72> answer_aad(const HelloAnswer& answer) {
  static_assert(kAnswerFields == 72);
  std::array<std::uint8_t, 72> fields;
  auto at = std::copy(answer.sender.key.begin(), answer.sender.key.end(), fields.begin());
  at = std::copy(answer.boot.begin(), answer.boot.end(), at);
  std::copy(answer.echo.begin(), answer.echo.end(), at);
  store_le64(fields.data() + 64, answer.counter);
  return fields;
}

// --- parsing -------------------------------------------------------------------------------------

std::optional<Hello> parse_hello(Bytes datagram) {
  ByteReader in = body_of(datagram);
  Hello hello;
  hello.sender.key = in.array<32>();
  hello.boot = in.array<16>();
  hello.challenge = in.array<16>();
  hello.cookie = in.array<16>();
  hello.record = read_blob(in, kMaxRecordSize);
  hello.certificates = read_blob(in, kMaxCertificatesSize);
  if (!ends_in_zeroes(in)) return std::nullopt;
  if (hello.record.empty() && !hello.certificates.empty()) return std::nullopt;
  if (datagram.size() != (hello.record.empty() ? kShortHelloSize : kFullHelloSize)) {
    return std::nullopt;
  }
  return hello;
}

std::optional<HelloAnswer> parse_answer(Bytes datagram) {
  ByteReader in = body_of(datagram);
  HelloAnswer answer;
  answer.sender.key = in.array<32>();
  answer.boot = in.array<16>();
  answer.echo = in.array<16>();
  answer.counter = in.u64();
  answer.sealed = in.take(in.left());
  if (in.failed()) return std::nullopt;
  if (datagram.size() != kShortHelloSize && datagram.size() != kFullHelloSize) return std::nullopt;
  return answer;
}

std::optional<AnswerBody> parse_answer_body(Bytes plaintext) {
  ByteReader in(plaintext);
  AnswerBody body;
  body.challenge = in.array<16>();
  const std::uint8_t flags = in.u8();
  body.knows_other_boot = flags == 1;
  body.record = read_blob(in, kMaxRecordSize);
  body.certificates = read_blob(in, kMaxCertificatesSize);
  if (flags > 1 || !ends_in_zeroes(in)) return std::nullopt;
  return body;
}

std::optional<CookieDatagram> parse_cookie(Bytes datagram) {
  ByteReader in = body_of(datagram);
  CookieDatagram cookie;
  cookie.echo = in.array<16>();
  cookie.cookie = in.array<16>();
  if (!in.complete()) return std::nullopt;
  return cookie;
}

std::optional<SealedEnvelope> parse_sealed(Bytes datagram) {
  ByteReader in = body_of(datagram);
  SealedEnvelope sealed;
  sealed.sender_hint = in.u64();
  sealed.session_hint = in.u64();
  sealed.counter = in.u64();
  sealed.sealed = in.take(in.left());
  if (in.failed() || sealed.sealed.size() < kTagSize) return std::nullopt;
  return sealed;
}

std::optional<Bytes> parse_stale(Bytes datagram) {
  ByteReader in = body_of(datagram);
  const Bytes mac = in.take(kMacLength);
  if (!in.complete()) return std::nullopt;
  return mac;
}

}  // namespace xm
