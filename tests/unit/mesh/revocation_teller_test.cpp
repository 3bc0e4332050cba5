#include "agent/mesh/revocation_teller.hpp"

#include <doctest/doctest.h>

#include <set>

#include "agent/mesh/identity.hpp"
#include "tests/support/seeded_random.hpp"
#include "tests/unit/mesh/trust_samples.hpp"

namespace xm {
namespace {

using Page = RevocationTeller::Page;

constexpr std::size_t kPage = RevocationTeller::kPageSize;

// A store with revocations, and time that passes.
struct Lab {
  explicit Lab(std::size_t count) : store(test::store_of(test::files_trusting_organisation())) {
    for (std::size_t i = 0; i < count; ++i) add();
  }
  void add() {
    VerifyKey key{};
    random.fill(key);
    auto made = SignedRevocation::sign(key, kNow, test::key_number(test::kOrganisation));
    REQUIRE(made.ok());
    REQUIRE(store.add(made.value()) == RevocationOutcome::added);
  }
  void begin(std::uint8_t member) {
    teller.begin(test::identity_number(member), store.revocation_count(), now);
  }
  void acknowledge(const Page& page) { teller.acknowledged(page.to, page.number, now); }
  // Goes on to the next deadline, within a second.
  std::vector<Page> next() {
    REQUIRE(teller.next_deadline() <= now + Duration(1s));
    now = std::max(now, teller.next_deadline());
    return teller.take_due(store, now);
  }
  void hear(const Page& page) {
    for (const Bytes one : page.revocations) heard.emplace(one.begin(), one.end());
  }

  static constexpr UnixSeconds kNow = test::kNow;
  test::SeededRandom random;
  TrustStore store;
  RevocationTeller teller{random};
  Instant now{1'000'000'000'000};
  std::set<std::vector<std::uint8_t>> heard;
};

TEST_CASE("revocation teller: all are told, a page after each acknowledgement") {
  Lab lab(300);
  lab.begin(1);
  std::size_t pages = 0;
  while (lab.teller.next_deadline() != kFarFuture) {
    const auto told = lab.next();
    REQUIRE(told.size() == 1);
    CHECK(told[0].revocations.size() <= kPage);
    lab.hear(told[0]);
    lab.acknowledge(told[0]);
    ++pages;
  }
  CHECK(lab.heard.size() == 300);
  CHECK(pages == (300 + kPage - 1) / kPage);
  CHECK_FALSE(lab.teller.is_telling(test::identity_number(1)));
}

TEST_CASE("revocation teller: where there are none nobody is told") {
  Lab lab(0);
  lab.begin(1);
  CHECK(lab.teller.next_deadline() == kFarFuture);
}

TEST_CASE("revocation teller: a page is told again until it is acknowledged, ever more rarely") {
  Lab lab(20);
  lab.begin(1);
  const auto first = lab.next();
  REQUIRE(first.size() == 1);
  lab.teller.acknowledged(first[0].to, first[0].number + 1, lab.now);
  lab.teller.acknowledged(test::identity_number(2), first[0].number, lab.now);
  Duration waited = 0ns;
  for (int i = 0; i < 12; ++i) {
    CHECK(lab.teller.take_due(lab.store, lab.now).empty());
    const Duration wait = lab.teller.next_deadline() - lab.now;
    CHECK(wait >= waited);
    waited = wait;
    lab.now = lab.teller.next_deadline();
    const auto again = lab.teller.take_due(lab.store, lab.now);
    REQUIRE(again.size() == 1);
    CHECK(again[0].number == first[0].number);
    CHECK(again[0].revocations.size() == first[0].revocations.size());
  }
  CHECK(waited <= Duration(64s));
  lab.acknowledge(first[0]);  // late, and of the same page
  const auto second = lab.next();
  REQUIRE(second.size() == 1);
  CHECK(second[0].number != first[0].number);
}

TEST_CASE("revocation teller: an acknowledgement counts for the page that it was of") {
  Lab lab(5);
  lab.begin(1);
  const auto before = lab.next();
  for (int i = 0; i < 40; ++i) lab.add();
  lab.teller.begin(test::identity_number(1), lab.store.revocation_count(), lab.now);
  lab.acknowledge(before[0]);
  const auto after = lab.next();
  REQUIRE(after.size() == 1);
  CHECK(after[0].number != before[0].number);
  CHECK(after[0].revocations.size() == kPage);
}

TEST_CASE("revocation teller: who is met again while it is told goes on, and hears all") {
  Lab lab(100);
  lab.begin(1);
  for (int i = 0; i < 5; ++i) lab.acknowledge(lab.next().at(0));
  lab.begin(1);  // what it had acknowledged may be lost with its earlier life
  while (lab.teller.next_deadline() != kFarFuture) {
    const auto told = lab.next();
    lab.hear(told.at(0));
    lab.acknowledge(told[0]);
  }
  CHECK(lab.heard.size() == 100);
}

TEST_CASE("revocation teller: many members share the pace, and each has its turn") {
  Lab lab(50);
  std::map<Identity, std::size_t> pages;
  for (std::uint8_t member = 1; member <= 10; ++member) lab.begin(member);
  const Instant start = lab.now;
  std::size_t all = 0;
  std::size_t least = 0;
  std::size_t most = 0;
  while (lab.teller.next_deadline() != kFarFuture) {
    for (const Page& page : lab.next()) {
      ++pages[page.to];
      ++all;
      lab.acknowledge(page);
    }
    if (lab.now - start < Duration(100ms)) continue;
    if (most != 0) continue;
    REQUIRE(pages.size() == 10);
    least = most = pages.begin()->second;
    for (const auto& [member, count] : pages) {
      least = std::min(least, count);
      most = std::max(most, count);
    }
  }
  CHECK(most - least <= 1);
  CHECK(all == 10 * ((50 + kPage - 1) / kPage));
  // 200 a second.
  CHECK(lab.now - start >= Duration(static_cast<std::int64_t>(all - 4) * 5ms));
}

TEST_CASE("revocation teller: who is forgotten is told nothing more, and emptied lists end it") {
  Lab lab(10);
  lab.begin(1);
  lab.begin(2);
  lab.teller.forget(test::identity_number(1));
  const auto told = lab.next();
  REQUIRE(told.size() == 1);
  CHECK(told[0].to == test::identity_number(2));
  lab.store = test::store_of({});
  lab.now = lab.teller.next_deadline();
  CHECK(lab.teller.take_due(lab.store, lab.now).empty());
  CHECK(lab.teller.next_deadline() == kFarFuture);
  lab.store = test::store_of(test::files_trusting_organisation());
  lab.add();
  lab.begin(1);
  lab.teller.forget_all();
  CHECK(lab.teller.next_deadline() == kFarFuture);
}

}  // namespace
}  // namespace xm
