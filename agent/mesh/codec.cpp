#include "agent/mesh/codec.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>

namespace xm {
namespace {

enum Type : std::uint8_t {
  kPadding = 0,
  kPing = 1,
  kAck = 2,
  kPingRequest = 3,
  kRelayedAck = 4,
  kNack = 5,
  kSuspect = 6,
  kDead = 7,
  kAlive = 8,
  kLeave = 9,
  kRecord = 10,
  kRevocation = 11,
  kDigest = 12,
  kEntries = 13,
  kWant = 14,
  kTableRequest = 15,
  kTableEnd = 16,
  kEcho = 17,
  kChallenge = 18,
  kRevocationsWanted = 19,
};

constexpr std::size_t kEndpointSize = 19;
constexpr std::size_t kClockSize = 4;
static_assert(kPingSize == 1 + 8 + kEndpointSize + kClockSize);
static_assert(kAccusationSize == 1 + 32 + 8 + 32);
static_assert(kDigestEntrySize == 32 + 8 + 8);
static_assert(2 + 8 * kMaxDigestBuckets <= kMaxGossipPayload);
static_assert(18 + kDigestEntrySize * kMaxDigestEntries <= kMaxGossipPayload);
static_assert(2 + 32 * kMaxWanted <= kMaxGossipPayload);
static_assert(5 + kMaxRecordSize + kMaxCertificatesSize <= kMaxGossipPayload);

// --- writing -------------------------------------------------------------------------------------

void require(bool bounded) {
  if (!bounded) std::abort();
}

void write_endpoint(ByteWriter& out, const Endpoint& endpoint) {
  out.u8(static_cast<std::uint8_t>(endpoint.address.family));
  out.bytes(endpoint.address.octets);
  out.u16(endpoint.port);
}

void write_numbered(ByteWriter& out, Type type, std::uint64_t number) {
  out.u8(type);
  out.u64(number);
}

void write_blob(ByteWriter& out, Bytes blob, std::size_t most) {
  require(blob.size() <= most);
  out.u16(static_cast<std::uint16_t>(blob.size()));
  out.bytes(blob);
}

struct Writer {
  ByteWriter& out;

  void operator()(const PingMessage& message) const {
    write_numbered(out, kPing, message.number);
    out.bytes(std::array<std::uint8_t, kEndpointSize + kClockSize>{});
  }
  void operator()(const AckMessage& message) const {
    write_numbered(out, kAck, message.number);
    write_endpoint(out, message.observed);
    out.u32(message.clock);
  }
  void operator()(const PingRequestMessage& message) const {
    write_numbered(out, kPingRequest, message.number);
    out.bytes(message.target.key);
  }
  void operator()(const RelayedAckMessage& message) const {
    write_numbered(out, kRelayedAck, message.number);
  }
  void operator()(const NackMessage& message) const { write_numbered(out, kNack, message.number); }
  void operator()(const AccusationMessage& message) const {
    out.u8(message.is_death ? kDead : kSuspect);
    out.bytes(message.subject.key);
    out.u64(message.incarnation);
    out.bytes(message.accuser.key);
  }
  void operator()(const StatementMessage& message) const {
    require(message.statement.size() <= kMaxStatementSize);
    out.u8(message.kind == StatementKind::leave ? kLeave : kAlive);
    out.u8(message.statement.size());
    out.bytes(message.statement);
  }
  void operator()(const RecordMessage& message) const {
    out.u8(kRecord);
    write_blob(out, message.record, kMaxRecordSize);
    write_blob(out, message.certificates, kMaxCertificatesSize);
  }
  void operator()(const RevocationMessage& message) const {
    out.u8(kRevocation);
    write_blob(out, message.revocation, kMaxRevocationSize);
  }
  void operator()(const DigestMessage& message) const {
    require(std::has_single_bit(message.sums.size()) && message.sums.size() <= kMaxDigestBuckets);
    out.u8(kDigest);
    out.u8(message.sums.size());
    for (const std::uint64_t sum : message.sums) out.u64(sum);
  }
  void operator()(const EntriesMessage& message) const {
    require(message.entries.size() <= kMaxDigestEntries);
    write_numbered(out, kEntries, message.first);
    out.u64(message.last);
    out.u8(message.entries.size());
    for (const DigestEntry& entry : message.entries) {
      out.bytes(entry.identity.key);
      out.u64(entry.record_version);
      out.u64(entry.incarnation);
    }
  }
  void operator()(const WantMessage& message) const {
    require(message.identities.size() <= kMaxWanted);
    out.u8(kWant);
    out.u8(message.identities.size());
    for (const Identity& identity : message.identities) out.bytes(identity.key);
  }
  void operator()(const TableRequestMessage& message) const {
    write_numbered(out, kTableRequest, message.position);
  }
  void operator()(const TableEndMessage& message) const {
    write_numbered(out, kTableEnd, message.next_position);
    out.u8(message.is_complete ? 1 : 0);
  }
  void operator()(const RevocationsWantedMessage&) const { out.u8(kRevocationsWanted); }
  void operator()(const EchoMessage& message) const {
    out.u8(kEcho);
    out.bytes(message.challenge);
  }
  void operator()(const ChallengeMessage& message) const {
    out.u8(kChallenge);
    out.bytes(message.challenge);
  }
};

// --- parsing -------------------------------------------------------------------------------------

bool is_all_zero(Bytes bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

// One spelling per endpoint: unused bytes are zero, and an address that is not there has no port.
Endpoint read_endpoint(ByteReader& in) {
  const std::uint8_t family = in.u8();
  const auto octets = in.array<16>();
  Endpoint endpoint;
  endpoint.port = in.u16();
  if (family == 4) {
    if (!is_all_zero(Bytes(octets).subspan(4))) in.fail();
    endpoint.address = IpAddress::v4(octets.data());
  } else if (family == 6) {
    endpoint.address = IpAddress::v6(octets.data());
  } else if (family != 0 || !is_all_zero(octets) || endpoint.port != 0) {
    in.fail();
  }
  return endpoint;
}

Identity read_identity(ByteReader& in) {
  return {in.array<32>()};
}

Bytes read_blob(ByteReader& in, std::size_t least, std::size_t most) {
  const std::size_t size = in.u16();
  if (size < least || size > most) in.fail();
  return in.take(size);
}

PingMessage read_ping(ByteReader& in) {
  const PingMessage message{in.u64()};
  if (!is_all_zero(in.take(kEndpointSize + kClockSize))) in.fail();
  return message;
}

AccusationMessage read_accusation(ByteReader& in, bool is_death) {
  AccusationMessage message;
  message.is_death = is_death;
  message.subject = read_identity(in);
  message.incarnation = in.u64();
  message.accuser = read_identity(in);
  return message;
}

StatementMessage read_statement(ByteReader& in, StatementKind kind) {
  const std::size_t size = in.u8();
  if (size == 0 || size > kMaxStatementSize) in.fail();
  return {kind, in.take(size)};
}

RecordMessage read_record(ByteReader& in) {
  RecordMessage message;
  message.record = read_blob(in, 1, kMaxRecordSize);
  message.certificates = read_blob(in, 0, kMaxCertificatesSize);
  return message;
}

DigestMessage read_digest(ByteReader& in) {
  DigestMessage message;
  const std::size_t count = in.count(kMaxDigestBuckets);
  if (!std::has_single_bit(count)) in.fail();
  for (std::size_t i = 0; i < count && !in.failed(); ++i) message.sums.push_back(in.u64());
  return message;
}

EntriesMessage read_entries(ByteReader& in) {
  EntriesMessage message;
  message.first = in.u64();
  message.last = in.u64();
  if (message.first > message.last) in.fail();
  const std::size_t count = in.count(kMaxDigestEntries);
  for (std::size_t i = 0; i < count && !in.failed(); ++i) {
    DigestEntry entry;
    entry.identity = read_identity(in);
    entry.record_version = in.u64();
    entry.incarnation = in.u64();
    message.entries.push_back(entry);
  }
  return message;
}

WantMessage read_want(ByteReader& in) {
  WantMessage message;
  const std::size_t count = in.count(kMaxWanted);
  for (std::size_t i = 0; i < count && !in.failed(); ++i) {
    message.identities.push_back(read_identity(in));
  }
  return message;
}

TableEndMessage read_table_end(ByteReader& in) {
  TableEndMessage message;
  message.next_position = in.u64();
  const std::uint8_t complete = in.u8();
  if (complete > 1) in.fail();
  message.is_complete = complete == 1;
  return message;
}

// A type that does not exist fails the reader; what is returned then does not count.
GossipMessage read_message(ByteReader& in, std::uint8_t type) {
  switch (type) {
    case kPing:
      return read_ping(in);
    case kAck: {
      const std::uint64_t number = in.u64();
      const Endpoint observed = read_endpoint(in);
      return AckMessage{number, observed, in.u32()};
    }
    case kPingRequest: {
      const std::uint64_t number = in.u64();
      return PingRequestMessage{number, read_identity(in)};
    }
    case kRelayedAck:
      return RelayedAckMessage{in.u64()};
    case kNack:
      return NackMessage{in.u64()};
    case kSuspect:
      return read_accusation(in, false);
    case kDead:
      return read_accusation(in, true);
    case kAlive:
      return read_statement(in, StatementKind::alive);
    case kLeave:
      return read_statement(in, StatementKind::leave);
    case kRecord:
      return read_record(in);
    case kRevocation:
      return RevocationMessage{read_blob(in, 1, kMaxRevocationSize)};
    case kDigest:
      return read_digest(in);
    case kEntries:
      return read_entries(in);
    case kWant:
      return read_want(in);
    case kTableRequest:
      return TableRequestMessage{in.u64()};
    case kTableEnd:
      return read_table_end(in);
    case kRevocationsWanted:
      return RevocationsWantedMessage{};
    case kEcho:
      return EchoMessage{in.array<kChallengeSize>()};
    case kChallenge:
      return ChallengeMessage{in.array<kChallengeSize>()};
    default:
      in.fail();
      return NackMessage{};
  }
}

}  // namespace

void write_message(ByteWriter& out, const GossipMessage& message) {
  std::visit(Writer{out}, message);
}

std::optional<std::vector<GossipMessage>> parse_messages(Bytes payload) {
  if (payload.size() > kMaxGossipPayload) return std::nullopt;
  std::vector<GossipMessage> messages;
  ByteReader in(payload);
  while (in.left() > 0) {
    const std::uint8_t type = in.u8();
    if (type == kPadding) {
      if (!is_all_zero(in.take(in.left()))) return std::nullopt;
      break;
    }
    messages.push_back(read_message(in, type));
    if (in.failed()) return std::nullopt;
  }
  return messages;
}

}  // namespace xm
