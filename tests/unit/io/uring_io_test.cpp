// On the kernel's io_uring, with sockets on the loopback of a namespace of the test's; the TUN
// queue is a socket pair, or the kernel's own device.
#include "agent/io/uring_io.hpp"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <numeric>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "agent/io/io_choice.hpp"
#include "agent/io/udp_listeners.hpp"
#include "tests/support/refuse_syscall.hpp"
#include "tests/unit/io/uring_lab.hpp"
#include "xdpmesh/log.hpp"

using namespace xm;
using Runs = test::UringRuns;
using Ring = test::UringLab;
using test::Datagrams;
using test::tokens;

namespace {

bool kernel_is(std::string_view release) {
  utsname machine{};
  return uname(&machine) == 0 && std::string_view(machine.release).starts_with(release);
}

}  // namespace

TEST_CASE("io_uring: datagrams arrive in order, with where they came from and arrived") {
  XM_NEEDS_IO_URING();
  test::in_own_namespace([] {
    Ring ring;
    ring.begin();
    const Datagrams sent = test::numbered_datagrams(100);
    ring.send_here(sent);
    ring.receive(sent.size());
    REQUIRE(ring.received == sent);
    for (const Source& source : ring.sources) {
      CHECK(source.remote == test::loopback_endpoint(ring.others->port()));
      CHECK(source.local == IpAddress::parse("127.0.0.1").value());
      CHECK(source.interface_index == 1);
    }
  });
}

TEST_CASE("io_uring: a coalesced message becomes its datagrams; lent bytes hold until the next") {
  XM_NEEDS_IO_URING();
  test::in_own_namespace([] {
    Ring ring;
    ring.begin();
    std::vector<std::uint8_t> data(40 * 1452 + 100);
    std::iota(data.begin(), data.end(), std::uint8_t{0});
    Runs runs({}, *ring.others->v4(), ring.address());
    for (int i = 0; i < 30; ++i) runs.add(data, 1452);  // more than one batch holds
    ring.others->v4()->send(runs.runs, test::kUringNow);
    REQUIRE(runs.lost() == 0);
    ring.receive(30 * 41);
    REQUIRE(ring.received.size() == 30 * 41);
    for (std::size_t i = 0; i < ring.received.size(); ++i) {
      const std::size_t begin = i % 41 * 1452;
      const std::size_t length = i % 41 == 40 ? 100 : 1452;
      CHECK(std::equal(ring.received[i].begin(), ring.received[i].end(), data.data() + begin,
                       data.data() + begin + length));
    }
  });
}

TEST_CASE("io_uring: nothing is lost when buffers run out or the completion queue is full") {
  XM_NEEDS_IO_URING();
  test::in_own_namespace([] {
    UringIoOptions two_buffers;
    two_buffers.receive_buffers = two_buffers.read_buffers = 2;
    UringIoOptions small_queue;
    small_queue.ring = {.requests = 4, .completions = 4, .kernel_thread = false};
    for (const UringIoOptions& options : {two_buffers, small_queue}) {
      Ring ring(options);
      ring.begin();
      const Datagrams sent = test::numbered_datagrams(300);
      ring.send_here(sent);
      for (const auto& packet : test::numbered_datagrams(3)) REQUIRE(ring.tun.push(packet));
      ring.receive(sent.size());
      CHECK(ring.received == sent);
      // A batch that is larger than the request queue.
      Runs back(test::numbered_datagrams(100), *ring.listeners->v4(),
                test::loopback_endpoint(ring.others->port()));
      ring.io->sender().send(back.runs, test::kUringNow);
      CHECK(back.lost() == 0);
      CHECK(ring.io->failure() == 0);
    }
  });
}

TEST_CASE("io_uring: a socket that is stopped is emptied in order, and let go of") {
  XM_NEEDS_IO_URING();
  test::in_own_namespace([] {
    UringIoOptions options;
    options.receive_buffers = 4;  // the rest waits in the socket
    for (const bool kernel_thread : {false, true}) {
      options.ring.kernel_thread = kernel_thread;
      Ring ring(options);
      ring.begin();
      const Datagrams sent = test::numbered_datagrams(50);
      ring.send_here(sent);
      (void)ring.io->wait(1s);
      (void)ring.receive_some();
      ring.io->stop(test::kUringSocket);
      while (ring.receive_some()) continue;
      CHECK(ring.received == sent);
      ring.io->remove(test::kUringSocket);
      CHECK(ring.io->wait(0ns).empty());
      const std::uint16_t port = ring.listeners->port();
      ring.listeners.reset();
      if (kernel_thread) continue;  // which drops its reference in its own time
      CHECK(UdpListeners::open(port, {}, ring.kernel).ok());
    }
  });
}

TEST_CASE("io_uring: what wait() returned holds while sockets are added and stopped") {
  XM_NEEDS_IO_URING();
  test::in_own_namespace([] {
    Ring ring;
    ring.begin();
    ring.send_here(test::numbered_datagrams(1));
    const std::span<const PathIo::Token> ready = ring.io->wait(1s);
    for (PathIo::Token token = test::kUringSocket + 1; token < test::kUringSocket + 20; ++token) {
      REQUIRE(ring.io->add(*ring.others->v4(), token).ok());
    }
    ring.io->stop(test::kUringSocket);
    CHECK(tokens(ready) == std::vector<PathIo::Token>{test::kUringSocket});
  });
}

TEST_CASE("io_uring: a receiver that goes before it is empty gives its buffers back") {
  XM_NEEDS_IO_URING();
  test::in_own_namespace([] {
    UringIoOptions options;
    options.receive_buffers = 2;
    Ring ring(options);
    ring.begin();
    for (PathIo::Token token = test::kUringSocket; token < test::kUringSocket + 3; ++token) {
      ring.send_here(test::numbered_datagrams(2));
      REQUIRE(tokens(ring.io->wait(1s)) == std::vector<PathIo::Token>{token});
      ring.io->stop(token);
      ring.io->remove(token);
      REQUIRE(ring.io->add(*ring.listeners->v4(), token + 1).ok());
    }
  });
}

TEST_CASE("io_uring: runs of two sockets leave in one batch; what is refused delays no other") {
  XM_NEEDS_IO_URING();
  test::in_own_namespace([] {
    Ring ring;
    ring.begin();
    Runs first(test::numbered_datagrams(3), *ring.others->v4(), ring.address());
    Runs nowhere(test::numbered_datagrams(1), *ring.others->v4(),
                 Endpoint::parse("192.0.2.1:9").value());
    auto third = UdpListeners::open(0, {}, ring.kernel);
    REQUIRE(third.ok());
    Runs last(test::numbered_datagrams(2), *(*third)->v4(), ring.address());
    std::vector<SendRun> all(first.runs);
    all.insert(all.end(), nowhere.runs.begin(), nowhere.runs.end());
    all.push_back(first.runs[0]);
    all.insert(all.end(), last.runs.begin(), last.runs.end());
    ring.io->sender().send(all, test::kUringNow);

    std::vector<std::uint32_t> lost;
    for (const SendRun& run : all) lost.push_back(run.lost);
    CHECK(lost == std::vector<std::uint32_t>{0, 0, 0, 1, 0, 0, 0});
    ring.receive(6);
    Datagrams expected = test::numbered_datagrams(3);
    expected.push_back(test::numbered_datagrams(1)[0]);
    for (const auto& datagram : test::numbered_datagrams(2)) expected.push_back(datagram);
    CHECK(ring.received == expected);
  });
}

// A UNIX datagram socket holds few messages and then says EAGAIN, as a UDP socket does behind a
// slow device.
TEST_CASE("io_uring: a full socket keeps the order, and what it has no room for is counted") {
  XM_NEEDS_IO_URING();
  test::in_own_namespace([] {
    Ring ring;
    ring.io->begin();
    std::array<int, 2> ends{};
    REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0);
    const int smallest = 1;
    REQUIRE(setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &smallest, sizeof smallest) == 0);
    const Fd reader(ends[1]);
    UdpSocket full(Fd(ends[0]), IpAddress::Family::v4, ring.others->v4(), false, ring.kernel);
    const Datagrams sent = test::numbered_datagrams(40);
    Runs runs(sent, full, ring.address());
    ring.io->sender().send(runs.runs, test::kUringNow);

    Datagrams read;
    std::vector<std::uint8_t> datagram(2000);
    for (ssize_t length = 0; (length = ::read(reader.get(), datagram.data(), 2000)) > 0;) {
      read.emplace_back(datagram.begin(), datagram.begin() + length);
    }
    REQUIRE(read.size() < sent.size());
    CHECK(read.size() + runs.lost() == sent.size());
    CHECK(std::equal(read.begin(), read.end(), sent.begin()));
    CHECK(runs.runs.back().lost_to_full_queue);
  });
}

TEST_CASE("io_uring: a bell is heard until it is answered, also while other things are ready") {
  XM_NEEDS_IO_URING();
  test::in_own_namespace([] {
    Ring ring;
    auto bell = WakeUp::create();
    REQUIRE(bell.ok());
    REQUIRE(ring.io->watch_bell((*bell)->fd()).ok());
    ring.begin();
    CHECK(ring.io->wait(1ms).empty());
    (*bell)->arm();
    (*bell)->ring();
    for (int i = 0; i < 3; ++i) {
      CHECK(tokens(ring.io->wait(1s)) == std::vector<PathIo::Token>{PathIo::kBell});
    }
    (*bell)->disarm();
    (void)ring.io->wait(0ns);  // what was asked before the answer
    CHECK(ring.io->wait(0ns).empty());

    // The batch that is sent brings the news of the bell: that must not get lost.
    (*bell)->arm();
    (*bell)->ring();
    ring.send_here(test::numbered_datagrams(1));
    bool heard = false;
    for (int i = 0; i < 5 && !heard; ++i) {
      const auto ready = tokens(ring.io->wait(1s));
      heard = std::find(ready.begin(), ready.end(), PathIo::kBell) != ready.end();
      (void)ring.receive_some();
      ring.send_here(test::numbered_datagrams(1));
      Runs back(test::numbered_datagrams(2), *ring.listeners->v4(),
                test::loopback_endpoint(ring.others->port()));
      ring.io->sender().send(back.runs, test::kUringNow);
    }
    CHECK(heard);
  });
}

TEST_CASE("io_uring: a ring that cannot be entered any more is left for system calls") {
  XM_NEEDS_IO_URING();
  test::in_own_namespace([] {
    log::level = LogLevel::silent;
    Ring ring;
    ring.begin();
    ring.send_here(test::numbered_datagrams(5));
    ring.receive(5);
    ring.send_here(test::numbered_datagrams(5));
    REQUIRE(test::refuse_syscall(SYS_io_uring_enter, EPERM));

    Runs runs(test::numbered_datagrams(3), *ring.others->v4(), ring.address());
    ring.io->sender().send(runs.runs, test::kUringNow);
    CHECK(runs.lost() == 0);
    REQUIRE(ring.tun.push({0x45, 1}));
    CHECK(ring.io->wait(1s).size() == 2);
    CHECK(ring.io->failure() == EPERM);
    CHECK(ring.io->tun().read().state == TunIo::done);
    ring.receive(13);
    // Linux 6.1 ends what was under way by doing it: what it takes then is lost with the ring.
    const std::size_t kept = ring.received.size();
    CHECK(kept >= (kernel_is("6.1.") ? 5 : 13));
    ring.send_here(test::numbered_datagrams(1));
    CHECK(tokens(ring.io->wait(1s)) == std::vector<PathIo::Token>{test::kUringSocket});
    (void)ring.receive_some();
    CHECK(ring.received.size() == kept + 1);
    CHECK(ring.received.back() == test::numbered_datagrams(1).front());
    ring.io->stop(test::kUringSocket);
    CHECK(ring.io->wait(0ns).empty());
    log::level = LogLevel::info;

    // What the ring had begun holds neither the socket nor its port, though it lives on.
    ring.io->remove(test::kUringSocket);
    const std::uint16_t port = ring.listeners->port();
    ring.listeners.reset();
    bool is_free = false;
    for (int i = 0; i < 500 && !is_free; ++i) {
      is_free = UdpListeners::open(port, {}, ring.kernel).ok();
      if (!is_free) std::this_thread::sleep_for(10ms);  // the kernel cancels in its own time
    }
    CHECK(is_free);
  });
}

TEST_CASE("the choice of I/O: a ring that is refused is a reason for auto and an error for uring") {
  XM_NEEDS_IO_URING();
  using Kind = IoRequest::Kind;
  const auto asked = choose_io({.kind = Kind::uring});
  REQUIRE(asked.ok());
  CHECK(asked.value().backend == IoBackend::uring);
  CHECK(choose_io({.kind = Kind::automatic}).value().ring_fault.empty());
  test::in_own_namespace([] {
    REQUIRE(test::refuse_syscall(SYS_io_uring_setup, EPERM));
    const auto automatic = choose_io({.kind = Kind::automatic});
    REQUIRE(automatic.ok());
    CHECK(automatic.value().backend == IoBackend::syscall);
    CHECK(automatic.value().ring_fault.find("seccomp") != std::string::npos);
    CHECK(automatic.value().reason.find("Operation not permitted") != std::string::npos);
    CHECK(choose_io({.kind = Kind::syscall}).value().ring_fault.empty());
    const auto refused = choose_io({.kind = Kind::uring});
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().os_errno == EPERM);
    CHECK(refused.error().what.find("--io syscall") != std::string::npos);
  });
}
