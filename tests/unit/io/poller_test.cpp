#include "agent/io/poller.hpp"

#include <doctest/doctest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "xdpmesh/ring.hpp"

using namespace xm;

namespace {

Fd raised_event() {
  return Fd(eventfd(1, EFD_NONBLOCK));
}

}  // namespace

TEST_CASE("poller names what is ready by its token, and nothing else") {
  auto poller = Poller::create();
  REQUIRE(poller.ok());
  const Fd ready = raised_event();
  const Fd idle(eventfd(0, EFD_NONBLOCK));
  REQUIRE(poller->add(ready.get(), 7).ok());
  REQUIRE(poller->add(idle.get(), 8).ok());

  const auto seen = poller->wait(Poller::kForever);
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].token == 7);
  CHECK(seen[0].readable());
  CHECK_FALSE(seen[0].writable());

  REQUIRE(poller->modify(ready.get(), 9, EPOLLOUT).ok());
  CHECK(poller->wait(0ns)[0].token == 9);
  CHECK(poller->wait(0ns)[0].writable());

  poller->remove(ready.get());
  CHECK(poller->wait(0ns).empty());
  poller->remove(ready.get());  // harmless
}

TEST_CASE("poller returns empty-handed at the deadline, also one that has passed") {
  auto poller = Poller::create();
  REQUIRE(poller.ok());
  CHECK(poller->wait(1us).empty());
  CHECK(poller->wait_until(Instant{100}, Instant{200}).empty());
  CHECK(poller->wait_until(Instant{200}, Instant{100}).empty());
}

TEST_CASE("poller says which descriptor it could not take") {
  auto poller = Poller::create();
  REQUIRE(poller.ok());
  const Status added = poller->add(-1, 1);
  REQUIRE_FALSE(added.ok());
  CHECK(added.error().os_errno == EBADF);
  CHECK_FALSE(poller->modify(raised_event().get(), 1, EPOLLIN).ok());
}

TEST_CASE("wake-up rings only for a sleeper, once") {
  auto created = WakeUp::create();
  REQUIRE(created.ok());
  WakeUp& bell = **created;
  auto poller = Poller::create();
  REQUIRE(poller->add(bell.fd(), 1).ok());

  bell.ring();  // nobody sleeps
  CHECK(poller->wait(0ns).empty());

  bell.arm();
  CHECK(poller->wait(0ns).empty());
  bell.ring();
  bell.ring();
  CHECK(poller->wait(0ns).size() == 1);
  bell.disarm();
  CHECK(poller->wait(0ns).empty());
}

TEST_CASE("a ring that is written late wakes one sleep for nothing, not all") {
  auto created = WakeUp::create();
  REQUIRE(created.ok());
  WakeUp& bell = **created;
  auto poller = Poller::create();
  REQUIRE(poller->add(bell.fd(), 1).ok());

  // The ringer is stopped between its exchange and its write: the write is taken out here ...
  bell.arm();
  bell.ring();
  std::uint64_t late = 0;
  REQUIRE(::read(bell.fd(), &late, sizeof late) == sizeof late);
  bell.disarm();  // the sleeper woke for another reason
  // ... and comes now.
  REQUIRE(::write(bell.fd(), &late, sizeof late) == sizeof late);

  bell.arm();
  CHECK(poller->wait(0ns).size() == 1);
  bell.disarm();
  bell.arm();
  CHECK(poller->wait(0ns).empty());
  bell.ring();
  CHECK(poller->wait(0ns).size() == 1);
}

TEST_CASE("wake-up loses no item between two threads") {
  constexpr int kItems = 20'000;
  auto bell = WakeUp::create();
  REQUIRE(bell.ok());
  SpscRing<int> ring(64);
  std::thread producer([&] {
    for (int item = 1; item <= kItems;) {
      int value = item;
      if (ring.push(std::move(value))) {
        ++item;
        (*bell)->ring();
      } else {
        std::this_thread::yield();
      }
    }
  });

  auto poller = Poller::create();
  REQUIRE(poller->add((*bell)->fd(), 1).ok());
  int last = 0;
  bool in_order = true;
  while (last < kItems) {
    int item = 0;
    while (ring.pop(item)) in_order = in_order && item == std::exchange(last, item) + 1;
    (*bell)->arm();
    if (ring.size() == 0 && last < kItems) static_cast<void>(poller->wait(Poller::kForever));
    (*bell)->disarm();
  }
  producer.join();
  CHECK(in_order);
}
