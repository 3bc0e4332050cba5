// A node for gossip_fuzz and for the test that writes its corpus: always the same two, who have
// met.
#pragma once

#include <cstdint>
#include <vector>

#include "tests/support/gossip_lab.hpp"

namespace xm::test {

struct GossipWorld {
  GossipWorld() : lab(2) {
    lab.contact(0, 1);
    lab.pass(std::chrono::seconds(2));
  }

  // One payload of each kind of message, from node 0.
  [[nodiscard]] std::vector<std::vector<std::uint8_t>> payloads() {
    const Identity a = lab[0].identity;
    const Identity b = lab[1].identity;
    const auto statement =
        lab.words.sign_statement(StatementKind::alive, lab[0].authority.key(), 1, 9);
    const auto farewell =
        lab.words.sign_statement(StatementKind::leave, lab[0].authority.key(), 1, 10);
    const std::vector<std::uint8_t> revocation{'r', 1, 2, 3};
    const std::vector<GossipMessage> messages{
        PingMessage{7},
        AckMessage{7, lab[1].endpoint, 1},
        PingRequestMessage{8, a},
        RelayedAckMessage{9},
        NackMessage{10},
        AccusationMessage{false, b, 1, a},
        AccusationMessage{true, b, 1, a},
        StatementMessage{StatementKind::alive, statement->bytes},
        StatementMessage{StatementKind::leave, farewell->bytes},
        RecordMessage{lab[0].record->record, {}},
        RevocationMessage{revocation},
        DigestMessage{{1, 2, 3, 4}},
        EntriesMessage{0, UINT64_MAX, {{a, 1, 2}, {b, 3, 4}}},
        WantMessage{{a, b}},
        TableRequestMessage{0},
        TableEndMessage{13, true},
        EchoMessage{{1, 2, 3}},
        ChallengeMessage{{4, 5, 6}},
        RevocationsWantedMessage{}};
    std::vector<std::vector<std::uint8_t>> written;
    for (const GossipMessage& message : messages) {
      ByteWriter out;
      write_message(out, message);
      written.push_back(out.take());
    }
    return written;
  }

  // One datagram of each kind, to node 1, from a stranger who knows its identity.
  [[nodiscard]] std::vector<std::vector<std::uint8_t>> datagrams() {
    const Key mac_key =
        envelope_mac_key(lab.words.mesh(), MacAudience::identity, lab[1].identity.key);
    const std::vector<std::uint8_t> sealed(100, 6);
    const std::vector<std::uint8_t> answer_sealed(kShortHelloSize - kEnvelopeSize - 72, 6);
    return {
        write_hello({lab[0].identity, {1}, {2}, {3}, lab[0].record->record, {}}, mac_key),
        write_hello({lab[0].identity, {1}, {2}, {3}, {}, {}}, mac_key),
        write_answer({lab[0].identity, {1}, {2}, 3, answer_sealed}, mac_key),
        write_cookie({{1}, {2}}, mac_key),
        write_sealed({sender_hint(lab[0].identity), 1, 2, sealed}, mac_key),
        write_stale(std::vector<std::uint8_t>(16, 1), mac_key),
    };
  }

  GossipLab lab;
};

}  // namespace xm::test
