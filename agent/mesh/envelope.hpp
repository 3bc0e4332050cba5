// Gossip datagrams as they are on the wire: what a stranger sees.
//
//    0  magic 0xd8 'x' 'm', version 1       4   no WireGuard type, no STUN (RFC 8489, 5)
//    4  kind                                1
//    5  zeroes                              3
//    8  mac                                16   keyed BLAKE2b over everything but itself
//   24  body
//
// The mac is keyed by the receiver's identity, or by an organisation for a first contact whose
// identity is not known: who knows neither gets no answer to anything. It authenticates nobody.
//
//   kind  body
//    1    hello         sender 32, boot id 16, challenge 16, cookie 16, record, certificates,
//    padding 2    hello answer  sender 32, boot id 16, echo of the hello's challenge 16, counter 8,
//    sealed:
//                       challenge 16, flags 1, record, certificates, padding
//    3    cookie        echo of the hello's challenge 16, cookie 16
//    4    sealed        sender hint 8, session hint 8, counter 8, sealed payload (codec.hpp)
//    5    stale         mac of the datagram that it answers 16
//
// Record and certificates have their length before them (2 bytes each), 0 where they are left out.
// A hello has one of two sizes, with record or without, and its answer the same one: nothing that
// an unproven address can send is answered by more bytes. All views borrow from the datagram.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "agent/crypto/blake2b.hpp"
#include "agent/crypto/secret.hpp"
#include "agent/mesh/codec.hpp"
#include "agent/mesh/identity.hpp"
#include "xdpmesh/bytes.hpp"

namespace xm {

inline constexpr std::size_t kEnvelopeSize = 24;
inline constexpr std::size_t kShortHelloSize = 136;
inline constexpr std::size_t kFullHelloSize = kMaxGossipDatagram;
inline constexpr std::size_t kStaleSize = kEnvelopeSize + 16;
inline constexpr std::size_t kCookieDatagramSize = kEnvelopeSize + 32;

// Drawn at every start: it tells one life of a node from another.
using BootId = std::array<std::uint8_t, 16>;
using GossipCookie = std::array<std::uint8_t, 16>;

enum class EnvelopeKind : std::uint8_t { hello = 1, answer = 2, cookie = 3, sealed = 4, stale = 5 };

// Whether a datagram is gossip at all, by its magic: what the socket's reader asks.
[[nodiscard]] bool is_gossip(Bytes datagram);

// The key of the mac for a receiver's identity, or for an organisation.
enum class MacAudience : std::uint8_t { identity, organisation };
[[nodiscard]] Key envelope_mac_key(std::string_view mesh, MacAudience audience,
                                   const VerifyKey& key);

// The kind, when magic, version, zeroes and the kind itself are right. The mac is not looked at.
[[nodiscard]] std::optional<EnvelopeKind> envelope_kind(Bytes datagram);
[[nodiscard]] Bytes envelope_mac(Bytes datagram);
[[nodiscard]] bool envelope_mac_holds(Bytes datagram, const Key& mac_key);

struct Hello {
  Identity sender;
  BootId boot{};
  Challenge challenge{};
  GossipCookie cookie{};  // zero: none
  Bytes record;           // empty in a short one
  Bytes certificates;
};
struct HelloAnswer {
  Identity sender;
  BootId boot{};
  Challenge echo{};
  std::uint64_t counter = 0;
  Bytes sealed;  // for open_answer_body()
};
struct AnswerBody {
  Challenge challenge{};
  // The answerer knew this identity, a moment ago, under another boot id.
  bool knows_other_boot = false;
  Bytes record;
  Bytes certificates;
};
struct CookieDatagram {
  Challenge echo{};
  GossipCookie cookie{};
};
struct SealedEnvelope {
  std::uint64_t sender_hint = 0;   // the first bytes of its identity
  std::uint64_t session_hint = 0;  // of both boot ids, known to the two alone
  std::uint64_t counter = 0;
  Bytes sealed;
};

// --- writing; the result has its mac
// ---------------------------------------------------------------

// Full when it has a record, else short.
[[nodiscard]] std::vector<std::uint8_t> write_hello(const Hello& hello, const Key& mac_key);
// The plaintext that an answer to a hello of `hello_size` seals: of the length that makes them
// equal.
[[nodiscard]] std::vector<std::uint8_t> write_answer_body(const AnswerBody& body,
                                                          std::size_t hello_size);
[[nodiscard]] std::vector<std::uint8_t> write_answer(const HelloAnswer& answer, const Key& mac_key);
[[nodiscard]] std::vector<std::uint8_t> write_cookie(const CookieDatagram& cookie,
                                                     const Key& mac_key);
[[nodiscard]] std::vector<std::uint8_t> write_sealed(const SealedEnvelope& sealed,
                                                     const Key& mac_key);
[[nodiscard]] std::vector<std::uint8_t> write_stale(Bytes answered_mac, const Key& mac_key);

// What a cipher binds to a sealed datagram or an answer: the fields before the sealed bytes.
[[nodiscard]] std::array<std::uint8_t, 24> sealed_aad(const SealedEnvelope& sealed);
[[nodiscard]] std::array<std::uint8_t, 72> answer_aad(const HelloAnswer& answer);

// --- parsing; the kind is as said, the mac has been looked at
// --------------------------------------

[[nodiscard]] std::optional<Hello> parse_hello(Bytes datagram);
[[nodiscard]] std::optional<HelloAnswer> parse_answer(Bytes datagram);
[[nodiscard]] std::optional<AnswerBody> parse_answer_body(Bytes plaintext);
[[nodiscard]] std::optional<CookieDatagram> parse_cookie(Bytes datagram);
[[nodiscard]] std::optional<SealedEnvelope> parse_sealed(Bytes datagram);
// The mac of what it answers.
[[nodiscard]] std::optional<Bytes> parse_stale(Bytes datagram);

}  // namespace xm
