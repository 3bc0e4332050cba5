// What members say to each other, inside a sealed datagram: a row of messages, each a type byte and
// fields of fixed order, little-endian. A payload is parsed strictly and as a whole: one message
// that is not exactly as below, and none of the payload counts.
//
//   type  message            fields
//    0    (padding)          zeroes to the end of the payload
//    1    ping               number 8, 23 zeroes: as long as its ack
//    2    ack                number 8, observed endpoint 19, clock 4
//    3    ping_request       number 8, target 32
//    4    relayed_ack        number 8
//    5    nack               number 8
//    6    suspect            subject 32, incarnation 8, accuser 32
//    7    dead               subject 32, incarnation 8, accuser 32
//    8    alive              length 1, signed statement (statement.hpp)
//    9    leave              length 1, signed statement
//   10    record             length 2, signed record (record.hpp), length 2, certificates
//   11    revocation         length 2, signed revocation (certificate.hpp)
//   12    digest             count 1 (a power of two), sums 8 each
//   13    entries            first 8, last 8, count 1, {identity 32, version 8, incarnation 8} each
//   14    want               count 1, identities 32 each
//   15    table_request      position 8
//   16    table_end          next position 8, complete 1
//   17    echo               challenge 16: the answer to the next
//   18    challenge          challenge 16
//
// An endpoint is a family byte (0, 4 or 6), 16 bytes of address and the port. Views in a parsed
// message borrow from the payload.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "agent/mesh/byte_codec.hpp"
#include "agent/mesh/identity.hpp"
#include "agent/mesh/record.hpp"
#include "agent/mesh/statement.hpp"
#include "xdpmesh/addr.hpp"
#include "xdpmesh/bytes.hpp"

namespace xm {

// IPv6's least MTU without its own and UDP's header: never fragmented.
inline constexpr std::size_t kMaxGossipDatagram = 1232;
// What envelope.hpp and the cipher put around a payload.
inline constexpr std::size_t kSealedOverhead = 64;
inline constexpr std::size_t kMaxGossipPayload = kMaxGossipDatagram - kSealedOverhead;

inline constexpr std::size_t kMaxCertificatesSize = 520;
inline constexpr std::size_t kMaxRevocationSize = 160;
inline constexpr std::size_t kMaxDigestBuckets = 128;
inline constexpr std::size_t kMaxDigestEntries = 23;
inline constexpr std::size_t kMaxWanted = 32;
inline constexpr std::size_t kChallengeSize = 16;

using Challenge = std::array<std::uint8_t, kChallengeSize>;

struct PingMessage {
  std::uint64_t number = 0;
};
struct AckMessage {
  std::uint64_t number = 0;
  Endpoint observed;        // where the ping came from; may be unset
  std::uint32_t clock = 0;  // the answerer's wall clock, seconds since the Unix epoch modulo 2^32
};
struct PingRequestMessage {
  std::uint64_t number = 0;
  Identity target;
};
struct RelayedAckMessage {
  std::uint64_t number = 0;
};
struct NackMessage {
  std::uint64_t number = 0;
};
// A claim about another. `is_death` claims more, and changes less: see swim.hpp.
struct AccusationMessage {
  bool is_death = false;
  Identity subject;
  std::uint64_t incarnation = 0;
  Identity accuser;
};
struct StatementMessage {
  StatementKind kind = StatementKind::alive;
  Bytes statement;
};
struct RecordMessage {
  Bytes record;
  Bytes certificates;  // may be empty
};
struct RevocationMessage {
  Bytes revocation;
};
struct DigestMessage {
  std::vector<std::uint64_t> sums;
};
struct DigestEntry {
  Identity identity;
  std::uint64_t record_version = 0;
  std::uint64_t incarnation = 0;
};
// All that the sender holds whose position (digest.hpp) is in [first, last].
struct EntriesMessage {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::vector<DigestEntry> entries;
};
struct WantMessage {
  std::vector<Identity> identities;
};
struct TableRequestMessage {
  std::uint64_t position = 0;
};
struct TableEndMessage {
  std::uint64_t next_position = 0;
  bool is_complete = false;
};
// All revocations that the receiver holds are wanted: an organisation is newly trusted whose
// revocations went by unheeded before.
struct RevocationsWantedMessage {};
// The session's own: whoever gets the challenge at the address it is sent to can echo it.
struct EchoMessage {
  Challenge challenge{};
};
struct ChallengeMessage {
  Challenge challenge{};
};

using GossipMessage =
    std::variant<PingMessage, AckMessage, PingRequestMessage, RelayedAckMessage, NackMessage,
                 AccusationMessage, StatementMessage, RecordMessage, RevocationMessage,
                 DigestMessage, EntriesMessage, WantMessage, TableRequestMessage, TableEndMessage,
                 RevocationsWantedMessage, EchoMessage, ChallengeMessage>;

// Sizes of whole messages on the wire.
inline constexpr std::size_t kPingSize = 32;
inline constexpr std::size_t kAccusationSize = 73;
inline constexpr std::size_t kChallengeMessageSize = 1 + kChallengeSize;  // and an echo's
inline constexpr std::size_t kDigestEntrySize = 48;

// Appends the message. What exceeds a bound above is an error of the caller and aborts.
void write_message(ByteWriter& out, const GossipMessage& message);

// All messages of a payload, in order; nothing when any part of it is not as specified.
[[nodiscard]] std::optional<std::vector<GossipMessage>> parse_messages(Bytes payload);

}  // namespace xm
