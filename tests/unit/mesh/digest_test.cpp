#include "agent/mesh/digest.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "tests/support/seeded_random.hpp"

namespace xm {
namespace {

constexpr Instant kStart{1'000'000'000'000};

SharedRecord random_record(Random& random, std::uint64_t version) {
  auto record = std::make_shared<HeldRecord>();
  random.fill(record->identity.key);
  record->version = version;
  return record;
}

struct Table {
  explicit Table(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const SharedRecord record = random_record(random, 1);
      members.add(record->identity, record, kStart);
    }
    random.fill(self.identity.key);
  }
  test::SeededRandom random{11};
  MemberTable members{random, 10'000};
  DigestEntry self;
};

TEST_CASE("digest: buckets are a power of two, between 16 and 128") {
  CHECK(digest_buckets(1) == 16);
  CHECK(digest_buckets(200) == 32);
  CHECK(digest_buckets(1000) == 128);
  CHECK(digest_buckets(100'000) == 128);
}

TEST_CASE("digest: a change of one member changes its bucket's sum and no other") {
  Table table(300);
  const auto before = digest_sums(table.members.all(), table.self, 32);
  Member& changed = table.members.all()[17];
  changed.incarnation = 5;
  const auto after = digest_sums(table.members.all(), table.self, 32);
  for (std::size_t bucket = 0; bucket < 32; ++bucket) {
    const PositionRange range = bucket_range(bucket, 32);
    const std::uint64_t position = position_of(changed.identity);
    const bool is_its = position >= range.first && position <= range.last;
    CHECK((before[bucket] != after[bucket]) == is_its);
  }
}

TEST_CASE("digest: marks do not count, for they are local") {
  Table table(50);
  const auto before = digest_sums(table.members.all(), table.self, 16);
  table.members.set_state(table.members.all()[3], MemberState::dead, kStart);
  CHECK(digest_sums(table.members.all(), table.self, 16) == before);
}

TEST_CASE("digest: the ranges of the buckets divide all positions") {
  for (const std::size_t buckets : {1U, 2U, 16U, 128U}) {
    std::uint64_t next = 0;
    for (std::size_t i = 0; i < buckets; ++i) {
      const PositionRange range = bucket_range(i, buckets);
      CHECK(range.first == next);
      next = range.last + 1;
    }
    CHECK(next == 0);  // past the last position
  }
}

TEST_CASE("digest: entries of all ranges together are the table and its owner") {
  Table table(40);
  std::set<Identity> seen;
  for (std::size_t i = 0; i < 16; ++i) {
    for (const DigestEntry& entry :
         entries_in(table.members.all(), table.self, bucket_range(i, 16)).entries) {
      seen.insert(entry.identity);
    }
  }
  CHECK(seen.size() == 41);
  CHECK(seen.contains(table.self.identity));
}

TEST_CASE("digest: entries that do not fit shorten the range to those that do") {
  Table table(100);
  const EntriesMessage message = entries_in(table.members.all(), table.self, {0, UINT64_MAX});
  REQUIRE(message.entries.size() == kMaxDigestEntries);
  CHECK(message.last == position_of(message.entries.back().identity));
  const auto in_range = std::count_if(
      table.members.all().begin(), table.members.all().end(),
      [&](const Member& member) { return position_of(member.identity) <= message.last; });
  const bool owner_is_in = position_of(table.self.identity) <= message.last;
  CHECK(in_range + (owner_is_in ? 1 : 0) == kMaxDigestEntries);
}

}  // namespace
}  // namespace xm
