#include "agent/mesh/incarnation.hpp"

#include <doctest/doctest.h>

namespace xm {
namespace {

class FakeStore final : public CounterStore {
 public:
  Result<std::uint64_t> load() override {
    if (unreadable) return Error{"cannot be read"};
    return number;
  }
  Status save(std::uint64_t value) override {
    if (full) return Error{"no space"};
    number = value;
    return {};
  }

  std::uint64_t number = 0;
  bool unreadable = false;
  bool full = false;
};

}  // namespace

TEST_CASE("incarnation: it is the greatest of disk, own and seen, plus one, and on disk at once") {
  FakeStore store;
  PersistedCounter counter(store);
  CHECK(counter.current() == 0);
  CHECK(counter.next().value() == 1);
  CHECK(store.number == 1);
  CHECK(counter.next(40).value() == 41);
  CHECK(counter.next(7).value() == 42);
  CHECK(store.number == 42);
  CHECK(counter.current() == 42);
}

TEST_CASE("incarnation: after a restart it goes on, also when others have seen more") {
  FakeStore store;
  store.number = 9;
  PersistedCounter counter(store);
  CHECK(counter.next().value() == 10);
  PersistedCounter restarted(store);
  CHECK(restarted.next(500).value() == 501);
}

TEST_CASE("incarnation: a disk that was put back does not take the number back") {
  FakeStore store;
  PersistedCounter counter(store);
  CHECK(counter.next(99).value() == 100);
  store.number = 3;
  CHECK(counter.next().value() == 101);
}

TEST_CASE("incarnation: what cannot be stored is not used") {
  FakeStore store;
  store.number = 4;
  PersistedCounter counter(store);
  store.full = true;
  CHECK_FALSE(counter.next().ok());
  CHECK(counter.current() == 0);
  store.full = false;
  store.unreadable = true;
  CHECK_FALSE(counter.next().ok());
  CHECK(counter.current() == 0);
}

TEST_CASE("incarnation: at the end of the numbers it stays there") {
  FakeStore store;
  PersistedCounter counter(store);
  CHECK(counter.next(UINT64_MAX - 1).value() == UINT64_MAX);
  CHECK_FALSE(counter.next().ok());
  CHECK_FALSE(counter.next(UINT64_MAX).ok());
  CHECK(counter.current() == UINT64_MAX);
}

}  // namespace xm
