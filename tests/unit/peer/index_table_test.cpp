#include "agent/peer/index_table.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "tests/support/seeded_random.hpp"

namespace xm {
namespace {

using test::SeededRandom;

std::unique_ptr<PeerSession> session(std::uint32_t index, Peer& peer) {
  TransportKeys keys;
  keys.local_index = index;
  return std::make_unique<PeerSession>(std::move(keys), Instant{1}, peer);
}

TEST_CASE("index table: reserved is owned but not found; published is found; released is neither") {
  Grace grace(0);
  SeededRandom random;
  IndexTable table(grace, 8);
  Peer peer(42);
  const std::uint32_t index = table.reserve(random, peer.id);
  CHECK(table.find(index) == nullptr);
  CHECK(table.owner(index) == PeerId{42});

  const auto made = session(index, peer);
  table.publish(index, made.get());
  CHECK(table.find(index) == made.get());
  CHECK(&table.find(index)->peer == &peer);
  CHECK(table.find(index ^ 0x80000000U) == nullptr);  // the same slot, another index
  CHECK(table.find(index ^ 1U) == nullptr);
  CHECK_FALSE(table.owner(index ^ 0x80000000U).has_value());

  table.release(index);
  CHECK(table.find(index) == nullptr);
  CHECK_FALSE(table.owner(index).has_value());
  table.release(index);
  CHECK(table.size() == 0);
}

TEST_CASE("index table: grows without losing or mixing up a session") {
  Grace grace(0);
  SeededRandom random;
  IndexTable table(grace, 8);
  Peer peer(1);
  std::vector<std::unique_ptr<PeerSession>> sessions;
  std::set<std::uint32_t> indices;
  std::vector<std::uint32_t> reserved;
  for (unsigned i = 0; i < 5000; ++i) {
    const std::uint32_t index = table.reserve(random, PeerId{i});
    CHECK(indices.insert(index).second);
    if (i % 3 == 0) {
      reserved.push_back(index);
      continue;
    }
    sessions.push_back(session(index, peer));
    table.publish(index, sessions.back().get());
  }
  unsigned wrong = 0;
  for (const auto& made : sessions) wrong += table.find(made->local_index()) != made.get();
  for (const std::uint32_t index : reserved) wrong += table.find(index) != nullptr;
  CHECK(wrong == 0);
  CHECK(table.size() == 5000);
  CHECK(grace.reclaim() == 0);
}

TEST_CASE("index table: readers race with growth and release") {
  constexpr std::size_t kReaders = 2;
  Grace grace(kReaders);
  SeededRandom random;
  IndexTable table(grace, 8);
  Peer peer(1);
  const std::uint32_t lasting = table.reserve(random, 1);
  const auto lasting_session = session(lasting, peer);
  table.publish(lasting, lasting_session.get());

  std::atomic<bool> stop{false};
  std::atomic<unsigned> wrong{0};
  std::atomic<std::uint32_t> recent{lasting};
  std::vector<std::thread> readers;
  for (std::size_t reader = 0; reader < kReaders; ++reader) {
    readers.emplace_back([&, reader] {
      while (!stop.load()) {
        const Grace::Section section(grace, reader);
        if (table.find(lasting) != lasting_session.get()) ++wrong;
        const std::uint32_t index = recent.load();
        const PeerSession* found = table.find(index);
        if (found != nullptr && found->local_index() != index) ++wrong;
      }
    });
  }
  std::vector<std::unique_ptr<PeerSession>> live;
  for (unsigned i = 0; i < 20'000; ++i) {
    const std::uint32_t index = table.reserve(random, 1);
    live.push_back(session(index, peer));
    table.publish(index, live.back().get());
    recent.store(index);
    if (live.size() > i / 20) {
      std::unique_ptr<PeerSession> old = std::move(live.front());
      live.erase(live.begin());
      table.release(old->local_index());
      grace.retire(std::move(old));
    }
    grace.reclaim();
  }
  stop.store(true);
  for (std::thread& reader : readers) reader.join();
  CHECK(wrong.load() == 0);
  CHECK(grace.reclaim() == 0);
}

}  // namespace
}  // namespace xm
