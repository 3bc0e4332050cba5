#include "agent/mesh/codec.hpp"

#include <doctest/doctest.h>

namespace xm {
namespace {

Identity identity_of(std::uint8_t byte) {
  Identity identity;
  identity.key.fill(byte);
  return identity;
}

std::vector<std::uint8_t> written(const GossipMessage& message) {
  ByteWriter out;
  write_message(out, message);
  return out.take();
}

const std::vector<std::uint8_t> kBlob{1, 2, 3, 4};

// One of each kind.
std::vector<GossipMessage> all_messages() {
  return {PingMessage{7},
          AckMessage{7, Endpoint::parse("192.0.2.1:51820").value(), 5},
          AckMessage{7, Endpoint::parse("[2001:db8::1]:51820").value(), 5},
          AckMessage{7, {}, 9},
          PingRequestMessage{8, identity_of(1)},
          RelayedAckMessage{9},
          NackMessage{10},
          AccusationMessage{false, identity_of(1), 11, identity_of(2)},
          AccusationMessage{true, identity_of(1), 11, identity_of(2)},
          StatementMessage{StatementKind::alive, kBlob},
          StatementMessage{StatementKind::leave, kBlob},
          RecordMessage{kBlob, kBlob},
          RecordMessage{kBlob, {}},
          RevocationMessage{kBlob},
          DigestMessage{{1, 2, 3, 4}},
          EntriesMessage{5, 6, {{identity_of(3), 1, 2}, {identity_of(4), 3, 4}}},
          WantMessage{{identity_of(5), identity_of(6)}},
          TableRequestMessage{12},
          TableEndMessage{13, true},
          RevocationsWantedMessage{},
          EchoMessage{{1, 2, 3}},
          ChallengeMessage{{4, 5, 6}}};
}

TEST_CASE("codec: every message is read as it was written") {
  for (const GossipMessage& message : all_messages()) {
    const auto bytes = written(message);
    CAPTURE(static_cast<int>(bytes[0]));
    const auto parsed = parse_messages(bytes);
    REQUIRE(parsed);
    REQUIRE(parsed->size() == 1);
    CHECK(parsed->front().index() == message.index());
    CHECK(written(parsed->front()) == bytes);
  }
}

TEST_CASE("codec: a row of messages and padding is read in order") {
  ByteWriter out;
  for (const GossipMessage& message : all_messages()) write_message(out, message);
  out.bytes(std::vector<std::uint8_t>(20));
  const auto parsed = parse_messages(out.written());
  REQUIRE(parsed);
  REQUIRE(parsed->size() == all_messages().size());
  for (std::size_t i = 0; i < parsed->size(); ++i) {
    CHECK(written((*parsed)[i]) == written(all_messages()[i]));
  }
}

TEST_CASE("codec: an empty payload is no error, and says nothing") {
  REQUIRE(parse_messages({}));
  CHECK(parse_messages({})->empty());
}

TEST_CASE("codec: a message cut anywhere voids the payload") {
  for (const GossipMessage& message : all_messages()) {
    const auto bytes = written(message);
    for (std::size_t size = 1; size < bytes.size(); ++size) {
      CAPTURE(static_cast<int>(bytes[0]));
      CAPTURE(size);
      CHECK_FALSE(parse_messages(Bytes(bytes).first(size)));
    }
  }
}

TEST_CASE("codec: a ping is as long as its ack") {
  CHECK(written(PingMessage{1}).size() == kPingSize);
  CHECK(written(AckMessage{1, Endpoint::parse("[2001:db8::1]:1").value(), 5}).size() == kPingSize);
}

TEST_CASE("codec: what has two spellings is refused in all but one") {
  struct Row {
    const char* why;
    GossipMessage message;
    std::size_t at;
    std::uint8_t value;
  };
  const std::vector<Row> rows{
      {"unknown type", NackMessage{1}, 0, 19},
      {"padding of a ping is not zero", PingMessage{1}, 20, 1},
      {"family that is none", AckMessage{1, {}, 0}, 9, 5},
      {"address without a family", AckMessage{1, {}, 0}, 10, 1},
      {"port without a family", AckMessage{1, {}, 0}, 26, 1},
      {"IPv4 address with more than four bytes",
       AckMessage{1, Endpoint::parse("192.0.2.1:1").value(), 5}, 20, 1},
      {"statement of no length", StatementMessage{StatementKind::alive, kBlob}, 1, 0},
      {"statement that is too long", StatementMessage{StatementKind::alive, kBlob}, 1, 151},
      {"record of no length", RecordMessage{kBlob, {}}, 1, 0},
      {"record that is too long", RecordMessage{kBlob, {}}, 2, 255},
      {"digest that is no power of two", DigestMessage{{1, 2, 3, 4}}, 1, 3},
      {"digest of nothing", DigestMessage{{1}}, 1, 0},
      {"digest that is too large", DigestMessage{{1}}, 1, 129},
      {"more entries than fit", EntriesMessage{0, 1, {}}, 17, 24},
      {"range that ends before it begins", EntriesMessage{0, 1, {}}, 1, 2},
      {"more wanted than fit", WantMessage{{}}, 1, 33},
      {"truth of another value", TableEndMessage{1, false}, 9, 2},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    auto bytes = written(row.message);
    REQUIRE(parse_messages(bytes));
    bytes[row.at] = row.value;
    CHECK_FALSE(parse_messages(bytes));
  }
}

TEST_CASE("codec: padding that is not zero voids the payload") {
  auto bytes = written(NackMessage{1});
  bytes.insert(bytes.end(), {0, 0, 1});
  CHECK_FALSE(parse_messages(bytes));
}

TEST_CASE("codec: a payload above the bound is refused") {
  CHECK(parse_messages(std::vector<std::uint8_t>(kMaxGossipPayload)));
  CHECK_FALSE(parse_messages(std::vector<std::uint8_t>(kMaxGossipPayload + 1)));
}

TEST_CASE("codec: the largest of each bounded message fits a payload") {
  DigestMessage digest;
  digest.sums.resize(kMaxDigestBuckets);
  EntriesMessage entries;
  entries.entries.resize(kMaxDigestEntries);
  WantMessage want;
  want.identities.resize(kMaxWanted);
  const std::vector<std::uint8_t> record(kMaxRecordSize, 1);
  const std::vector<std::uint8_t> certificates(kMaxCertificatesSize, 1);
  for (const GossipMessage& message :
       {GossipMessage(digest), GossipMessage(entries), GossipMessage(want),
        GossipMessage(RecordMessage{record, certificates})}) {
    CHECK(parse_messages(written(message)));
  }
}

}  // namespace
}  // namespace xm
