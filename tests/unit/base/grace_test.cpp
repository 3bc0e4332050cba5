#include "xdpmesh/grace.hpp"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

namespace xm {
namespace {

struct Counted {
  explicit Counted(int& count) : alive(&count) { ++*alive; }
  ~Counted() { --*alive; }
  int* alive;
};

TEST_CASE("grace: what is retired goes at once when nobody reads") {
  int alive = 0;
  Grace grace(2);
  grace.retire(std::make_unique<Counted>(alive));
  CHECK(alive == 1);
  CHECK(grace.reclaim() == 0);
  CHECK(alive == 0);
}

TEST_CASE("grace: a reader inside keeps what it may have seen, and nothing that went before") {
  int alive = 0;
  Grace grace(2);
  grace.retire(std::make_unique<Counted>(alive));
  {
    const Grace::Section section(grace, 1);
    CHECK(grace.reclaim() == 0);
    const std::uint64_t period = grace.start_period();
    CHECK_FALSE(grace.has_passed(period));
    grace.retire(std::make_unique<Counted>(alive));
    CHECK(grace.reclaim() == 1);
    CHECK(alive == 1);
    {
      const Grace::Section later(grace, 0);
      CHECK(grace.reclaim() == 1);
    }
  }
  CHECK(grace.reclaim() == 0);
  CHECK(alive == 0);
}

TEST_CASE("grace: a reader that entered later holds nothing older") {
  int alive = 0;
  Grace grace(2);
  const std::uint64_t period = grace.start_period();
  grace.retire(std::make_unique<Counted>(alive));
  const Grace::Section section(grace, 0);
  CHECK(grace.has_passed(period));
  CHECK(grace.reclaim() == 0);
  CHECK(alive == 0);
}

TEST_CASE("grace: a reader replaces only what it has seen") {
  int seen = 1;
  int newer = 2;
  int own = 3;
  Published<int> published;
  published.exchange(&seen);
  CHECK(published.replace(&seen, &own));
  published.exchange(&newer);
  CHECK_FALSE(published.replace(&seen, &own));
  CHECK(published.load() == &newer);
}

// For the thread sanitizer: readers look at a value that is replaced under them all the time, and
// replace it themselves.
TEST_CASE("grace: readers and a writer on threads") {
  constexpr std::size_t kReaders = 2;
  Grace grace(kReaders);
  Published<const std::vector<int>> published;
  published.exchange(new std::vector<int>(16, 0));
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  std::atomic<int> torn{0};
  for (std::size_t reader = 0; reader < kReaders; ++reader) {
    readers.emplace_back([&, reader] {
      while (!stop.load()) {
        const Grace::Section section(grace, reader);
        const std::vector<int>& seen = *published.load();
        for (const int value : seen) torn += value != seen.front() ? 1 : 0;
        auto own = std::make_unique<const std::vector<int>>(16, -1);
        if (!published.replace(&seen, own.get())) continue;
        (void)own.release();
        grace.retire(std::unique_ptr<const std::vector<int>>(&seen));
      }
    });
  }
  for (int i = 1; i <= 20'000; ++i) {
    grace.retire(
        std::unique_ptr<const std::vector<int>>(published.exchange(new std::vector<int>(16, i))));
    grace.reclaim();
  }
  stop.store(true);
  for (std::thread& reader : readers) reader.join();
  CHECK(torn.load() == 0);
  grace.retire(std::unique_ptr<const std::vector<int>>(published.exchange(nullptr)));
  CHECK(grace.reclaim() == 0);
}

}  // namespace
}  // namespace xm
