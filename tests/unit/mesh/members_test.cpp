#include "agent/mesh/members.hpp"

#include <doctest/doctest.h>

#include <map>
#include <set>

#include "tests/support/seeded_random.hpp"

namespace xm {
namespace {

constexpr Instant kStart{1'000'000'000'000};

Identity identity_of(std::size_t number) {
  Identity identity;
  store_le64(identity.key.data() + 8, number);  // all in one slot of the index
  return identity;
}

SharedRecord record_of(std::size_t number) {
  auto record = std::make_shared<HeldRecord>();
  record->identity = identity_of(number);
  record->version = number;
  return record;
}

void fill(MemberTable& table, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    REQUIRE(table.add(identity_of(i), record_of(i), kStart) != nullptr);
  }
}

TEST_CASE("members: each is found under its identity, through additions and removals") {
  test::SeededRandom random(7);
  MemberTable table(random, 1000);
  std::map<std::size_t, bool> expected;  // a naive twin
  for (int step = 0; step < 2000; ++step) {
    const std::size_t number = random_below(random, 100);
    if (expected[number]) {
      table.remove(identity_of(number));
    } else {
      table.add(identity_of(number), record_of(number), kStart);
    }
    expected[number] = !expected[number];
  }
  std::size_t count = 0;
  for (const auto& [number, is_there] : expected) {
    const Member* const member = table.find(identity_of(number));
    CHECK((member != nullptr) == is_there);
    if (member != nullptr) CHECK(member->record->version == number);
    count += is_there ? 1 : 0;
  }
  CHECK(table.size() == count);
  CHECK(table.up() == count);
}

TEST_CASE("members: a full table takes nobody") {
  test::SeededRandom random;
  MemberTable table(random, 3);
  fill(table, 3);
  CHECK(table.add(identity_of(9), record_of(9), kStart) == nullptr);
  table.remove(identity_of(0));
  CHECK(table.add(identity_of(9), record_of(9), kStart) != nullptr);
}

TEST_CASE("members: a smaller table keeps whom it has and takes nobody until there is room") {
  test::SeededRandom random;
  MemberTable table(random, 4);
  fill(table, 4);
  table.set_capacity(3);
  CHECK(table.size() == 4);
  table.remove(identity_of(0));
  CHECK(table.add(identity_of(9), record_of(9), kStart) == nullptr);
  table.set_capacity(4);
  CHECK(table.add(identity_of(9), record_of(9), kStart) != nullptr);
}

TEST_CASE("members: the counts follow the states") {
  test::SeededRandom random;
  MemberTable table(random, 10);
  fill(table, 4);
  table.set_state(*table.find(identity_of(0)), MemberState::suspect, kStart);
  CHECK(table.up() == 4);
  table.set_state(*table.find(identity_of(0)), MemberState::dead, kStart);
  table.set_state(*table.find(identity_of(1)), MemberState::left, kStart);
  CHECK(table.up() == 2);
  CHECK(table.dead() == 1);
  table.remove(identity_of(0));
  CHECK(table.dead() == 0);
  CHECK(table.up() == 2);
}

TEST_CASE("members: everybody who is up is probed once in every round") {
  test::SeededRandom random(3);
  MemberTable table(random, 100);
  fill(table, 10);
  // The first round ends where the order was while they came.
  for (int i = 0; i < 10; ++i) (void)table.next_to_probe();
  table.set_state(*table.find(identity_of(4)), MemberState::dead, kStart);
  for (int round = 0; round < 5; ++round) {
    std::set<Identity> probed;
    for (int i = 0; i < 9; ++i) probed.insert(table.next_to_probe()->identity);
    CHECK(probed.size() == 9);
    CHECK_FALSE(probed.contains(identity_of(4)));
  }
}

TEST_CASE("members: nobody up means nobody to probe or draw") {
  test::SeededRandom random;
  MemberTable table(random, 10);
  CHECK(table.next_to_probe() == nullptr);
  CHECK(table.draw_up(3, {}).empty());
  fill(table, 1);
  table.set_state(*table.find(identity_of(0)), MemberState::dead, kStart);
  CHECK(table.next_to_probe() == nullptr);
  CHECK(table.draw_up(3, {}).empty());
}

TEST_CASE("members: who is drawn is up, different, and not the one left out") {
  test::SeededRandom random(5);
  MemberTable table(random, 100);
  fill(table, 6);
  table.set_state(*table.find(identity_of(5)), MemberState::dead, kStart);
  std::set<Identity> ever;
  for (int i = 0; i < 200; ++i) {
    const auto drawn = table.draw_up(3, identity_of(0));
    std::set<Identity> once;
    for (const Member* const member : drawn) once.insert(member->identity);
    CHECK(once.size() == drawn.size());
    CHECK(drawn.size() <= 3);
    ever.insert(once.begin(), once.end());
  }
  CHECK(ever == std::set<Identity>{identity_of(1), identity_of(2), identity_of(3), identity_of(4)});
}

}  // namespace
}  // namespace xm
