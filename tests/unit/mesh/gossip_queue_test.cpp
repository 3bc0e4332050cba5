#include "agent/mesh/gossip_queue.hpp"

#include <doctest/doctest.h>

namespace xm {
namespace {

Identity identity_of(std::size_t number) {
  Identity identity;
  store_le64(identity.key.data(), number);
  return identity;
}

NewsTopic accusation_topic(std::size_t subject, std::size_t accuser) {
  return {NewsTopic::Kind::accusation, identity_of(subject), identity_of(accuser)};
}
AccusationMessage accusation(std::size_t subject, std::size_t accuser, std::uint64_t incarnation) {
  return {false, identity_of(subject), incarnation, identity_of(accuser)};
}

std::vector<AccusationMessage> take(GossipQueue& queue, std::size_t room, std::size_t limit) {
  ByteWriter out;
  queue.take(out, room, limit);
  CHECK(out.size() <= room);
  std::vector<AccusationMessage> taken;
  const auto messages = parse_messages(out.written());
  REQUIRE(messages);
  for (const GossipMessage& message : *messages) {
    taken.push_back(std::get<AccusationMessage>(message));
  }
  return taken;
}

TEST_CASE("gossip queue: the limit follows the logarithm of the mesh") {
  CHECK(retransmit_limit(3) == 6);
  CHECK(retransmit_limit(9) == 6);
  CHECK(retransmit_limit(16) == 12);
  CHECK(retransmit_limit(99) == 12);
  CHECK(retransmit_limit(1000) == 24);
}

TEST_CASE("gossip queue: news is passed on as often as the limit says, then it is gone") {
  GossipQueue queue;
  queue.push(accusation_topic(1, 2), accusation(1, 2, 5));
  for (int i = 0; i < 3; ++i) CHECK(take(queue, 1000, 3).size() == 1);
  CHECK(queue.empty());
  CHECK(take(queue, 1000, 3).empty());
}

TEST_CASE("gossip queue: what was passed on least goes first, the newest before the older") {
  GossipQueue queue;
  queue.push(accusation_topic(1, 9), accusation(1, 9, 1));
  queue.push(accusation_topic(2, 9), accusation(2, 9, 1));
  const std::size_t one = kAccusationSize;
  CHECK(take(queue, one, 3).at(0).subject == identity_of(2));
  CHECK(take(queue, one, 3).at(0).subject == identity_of(1));
  queue.push(accusation_topic(3, 9), accusation(3, 9, 1));
  CHECK(take(queue, one, 3).at(0).subject == identity_of(3));
  CHECK(take(queue, 3 * one, 3).size() == 3);
}

TEST_CASE("gossip queue: newer news about the same replaces the older") {
  GossipQueue queue;
  queue.push(accusation_topic(1, 2), accusation(1, 2, 5));
  queue.push(accusation_topic(1, 2), accusation(1, 2, 6));
  CHECK(queue.size() == 1);
  CHECK(take(queue, 1000, 3).at(0).incarnation == 6);
}

TEST_CASE("gossip queue: whose accusations are dropped keeps other news") {
  GossipQueue queue;
  queue.push(accusation_topic(1, 2), accusation(1, 2, 5));
  queue.push(accusation_topic(1, 3), accusation(1, 3, 5));
  queue.push(accusation_topic(2, 3), accusation(2, 3, 5));
  const NewsTopic record{NewsTopic::Kind::record, identity_of(1), {}};
  const std::vector<std::uint8_t> bytes{1};
  queue.push(record, RecordMessage{bytes, {}});
  queue.drop_accusations(identity_of(1));
  CHECK(queue.size() == 2);
  CHECK(queue.contains(record));
  CHECK(queue.contains(accusation_topic(2, 3)));
}

TEST_CASE("gossip queue: it is bounded, and the newest has room") {
  GossipQueue queue;
  for (std::size_t i = 0; i < GossipQueue::kCapacity + 100; ++i) {
    queue.push(accusation_topic(i, 0), accusation(i, 0, 1));
  }
  CHECK(queue.size() == GossipQueue::kCapacity);
  CHECK(queue.contains(accusation_topic(GossipQueue::kCapacity + 99, 0)));
}

}  // namespace
}  // namespace xm
