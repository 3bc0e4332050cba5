#include "agent/node_session_mirror.hpp"

#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "agent/peer/index_table.hpp"
#include "tests/support/seeded_random.hpp"

namespace xm {
namespace {

using test::SeededRandom;

// The two maps in memory, of limited size.
class FakeTable final : public SessionTable {
 public:
  FakeTable(std::size_t capacity, std::size_t slots) : capacity_(capacity), replay_(slots) {}

  Status put(std::uint32_t index, const xm_session& session) override {
    if (!entries.contains(index) && entries.size() >= capacity_) return errno_error("full", E2BIG);
    entries[index] = session;
    return {};
  }
  void remove(std::uint32_t index) override { CHECK(entries.erase(index) == 1); }
  std::span<xm_replay> replay() override { return replay_; }

  std::map<std::uint32_t, xm_session> entries;

 private:
  std::size_t capacity_;
  std::vector<xm_replay> replay_;
};

struct World {
  explicit World(std::size_t capacity = 100, std::size_t slots = 50)
      : table(capacity, slots), mirror(table, [this](bool now) { complete.push_back(now); }) {
    indices.observe(&mirror);
  }
  ~World() {
    for (const auto& [index, session] : sessions) indices.release(index);
  }
  PeerSession& establish(std::uint32_t index) {
    TransportKeys keys;
    keys.local_index = index;
    sessions[index] = std::make_unique<PeerSession>(std::move(keys), Instant{1}, peer);
    indices.publish(index, sessions[index].get());
    return *sessions[index];
  }
  void end(std::uint32_t index) {
    indices.release(index);
    sessions.erase(index);
  }
  static void receive(PeerSession& session, std::uint64_t counter) {
    const std::lock_guard lock(session.replay_lock);
    CHECK(session.replay.accept(counter) == ReplayVerdict::fresh);
  }

  Grace grace{0};
  SeededRandom random;
  Peer peer{7};
  FakeTable table;
  std::vector<bool> complete;
  SessionMirror mirror;
  std::map<std::uint32_t, std::unique_ptr<PeerSession>> sessions;
  IndexTable indices{grace};
};

}  // namespace

TEST_CASE("session mirror: an index is known from its reservation, its counters from its session") {
  World world;
  const std::uint32_t index = world.indices.reserve(world.random, 7);
  REQUIRE(world.table.entries.contains(index));
  CHECK(world.table.entries[index].slot == XM_NO_SLOT);
  CHECK(world.table.entries[index].state == XM_SESSION_RESERVED);
  CHECK(world.table.entries[index].peer == 7);

  PeerSession& session = world.establish(index);
  CHECK(world.table.entries[index].state == XM_SESSION_LIVE);
  const xm_replay& slot = world.table.replay()[world.table.entries[index].slot];
  CHECK(slot.receiver_index == index);
  CHECK(slot.next == 0);
  World::receive(session, 70);
  CHECK(slot.next == 71);
  CHECK(slot.words[1] == std::uint64_t{1} << 6);

  world.end(index);
  CHECK(world.table.entries.empty());
  CHECK(slot.receiver_index == 0);
  CHECK(world.complete.empty());
}

TEST_CASE("session mirror: what a new observer finds is published at once, as it is") {
  World world;
  world.indices.observe(nullptr);
  const std::uint32_t reserved = world.indices.reserve(world.random, 7);
  const std::uint32_t index = world.indices.reserve(world.random, 7);
  World::receive(world.establish(index), 9);
  CHECK(world.table.entries.empty());
  world.indices.observe(&world.mirror);
  CHECK(world.table.entries[reserved].slot == XM_NO_SLOT);
  CHECK(world.table.replay()[world.table.entries[index].slot].next == 10);
  world.indices.release(reserved);
}

TEST_CASE("session mirror: a slot changes hands clean, the one free for longest first") {
  World world(100, 2);
  std::uint32_t last = XM_NO_SLOT;
  for (int i = 0; i < 6; ++i) {
    const std::uint32_t index = world.indices.reserve(world.random, 7);
    PeerSession& session = world.establish(index);
    const std::uint32_t number = world.table.entries[index].slot;
    CHECK(number != last);
    last = number;
    const xm_replay& slot = world.table.replay()[number];
    CHECK(slot.next == 0);
    CHECK(slot.words[0] == 0);
    World::receive(session, 3);
    CHECK(slot.words[0] == 8);
    // A worker that still holds the session writes to its own window only.
    const auto held = std::move(world.sessions[index]);
    world.end(index);
    World::receive(*held, 4);
    CHECK(slot.words[0] == 8);
  }
}

TEST_CASE("session mirror: without a free slot a session is known all the same") {
  World world(100, 1);
  const std::uint32_t first = world.indices.reserve(world.random, 7);
  world.establish(first);
  const std::uint32_t second = world.indices.reserve(world.random, 7);
  World::receive(world.establish(second), 5);
  CHECK(world.table.entries[second].slot == XM_NO_SLOT);
  CHECK(world.table.entries[second].state == XM_SESSION_LIVE);
  CHECK(world.mirror.is_complete());
}

TEST_CASE("session mirror: a full map is told before anything leaves, and filled up later") {
  World world(2, 2);
  const std::uint32_t first = world.indices.reserve(world.random, 7);
  const std::uint32_t second = world.indices.reserve(world.random, 7);
  world.establish(first);
  CHECK(world.complete.empty());
  const std::uint32_t third = world.indices.reserve(world.random, 7);
  CHECK(world.complete == std::vector<bool>{false});
  world.establish(third);
  const std::uint32_t fourth = world.indices.reserve(world.random, 7);
  CHECK(world.mirror.missing() == 2);

  world.indices.release(fourth);  // never got in
  CHECK(world.complete == std::vector<bool>{false});
  world.indices.release(second);
  CHECK(world.complete == std::vector<bool>{false, true});
  REQUIRE(world.table.entries.contains(third));
  CHECK(world.table.replay()[world.table.entries[third].slot].receiver_index == third);
}

TEST_CASE("session mirror: agrees with the index table through random lives of sessions") {
  constexpr std::size_t kSlots = 8;
  World world(20, kSlots);
  std::vector<std::uint32_t> live;
  for (std::uint64_t step = 0; step < 20'000; ++step) {
    std::array<std::uint8_t, 2> dice{};
    world.random.fill(dice);
    if (dice[0] % 3 != 0 && live.size() < 30) {
      live.push_back(world.indices.reserve(world.random, 7));
      if (dice[1] % 4 != 0) World::receive(world.establish(live.back()), step);
    } else if (!live.empty()) {
      const std::size_t at = dice[1] % live.size();
      world.end(live[at]);
      live.erase(live.begin() + static_cast<std::ptrdiff_t>(at));
    }
    CHECK(world.table.entries.size() + world.mirror.missing() == live.size());
    CHECK(world.mirror.is_complete() == (world.mirror.missing() == 0));
    std::set<std::uint32_t> slots;
    for (const auto& [index, entry] : world.table.entries) {
      CHECK(world.indices.owner(index).has_value());
      if (entry.slot == XM_NO_SLOT) continue;
      CHECK(slots.insert(entry.slot).second);
      CHECK(world.table.replay()[entry.slot].receiver_index == index);
    }
    CHECK(world.mirror.free_slots() + slots.size() <= kSlots);
  }
  for (const std::uint32_t index : live) world.end(index);
  CHECK(world.table.entries.empty());
  CHECK(world.mirror.free_slots() == kSlots);
}

}  // namespace xm
