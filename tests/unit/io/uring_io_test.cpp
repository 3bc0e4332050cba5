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
#include "agent/io/tun_device.hpp"
#include "agent/io/udp_listeners.hpp"
#include "tests/support/pair_tun.hpp"
#include "tests/support/refuse_syscall.hpp"
#include "tests/support/skip.hpp"
#include "tests/unit/io/own_namespace.hpp"
#include "xdpmesh/log.hpp"

using namespace xm;
using test::PairTun;

#define XM_NEEDS_IO_URING()                                                     \
  do {                                                                          \
    XM_NEEDS_NAMESPACES();                                                      \
    if (const auto made = Uring::create({}); !made) XM_SKIP(made.error().what); \
  } while (false)

namespace {

constexpr Instant kNow{5'000'000'000};
constexpr PathIo::Token kSocket = PathIo::kFirstSocket;
using Datagrams = std::vector<std::vector<std::uint8_t>>;

Endpoint loopback(std::uint16_t port) {
  return {IpAddress::parse("127.0.0.1").value(), port, 0};
}

// Datagrams of different lengths, each with its number in front.
bool kernel_is(std::string_view release) {
  utsname machine{};
  return uname(&machine) == 0 && std::string_view(machine.release).starts_with(release);
}

Datagrams numbered(std::size_t count) {
  Datagrams made;
  for (std::size_t i = 0; i < count; ++i) {
    made.emplace_back(40 + i * 7 % 1000, static_cast<std::uint8_t>(i >> 8));
    made.back()[0] = static_cast<std::uint8_t>(i);
  }
  return made;
}

// One run for every datagram, or one for all that are equally long.
struct Runs {
  Runs(const Datagrams& datagrams, UdpSocket& socket, const Endpoint& to) : bytes(datagrams) {
    path.remote = to;
    path.socket = &socket;
    for (const auto& datagram : bytes) add(datagram, static_cast<std::uint32_t>(datagram.size()));
  }
  void add(const std::vector<std::uint8_t>& data, std::uint32_t segment_size) {
    SendRun run;
    run.path = &path;
    run.data = data.data();
    run.length = static_cast<std::uint32_t>(data.size());
    run.segment_size = segment_size;
    runs.push_back(run);
  }
  [[nodiscard]] std::uint32_t lost() const {
    return std::accumulate(runs.begin(), runs.end(), 0U,
                           [](std::uint32_t sum, const SendRun& run) { return sum + run.lost; });
  }
  Datagrams bytes;
  SendPath path;
  std::vector<SendRun> runs;
};

// A worker's I/O by ring on this thread, with one listening socket, and a socket that sends to it.
struct Ring {
  explicit Ring(UringIoOptions options = {}) : options_(options) {
    auto made = UringIo::create(tun, options);
    REQUIRE_MESSAGE(made.ok(), made.error().what);
    io = std::move(*made);
    auto here = UdpListeners::open(0, {}, kernel);
    auto there = UdpListeners::open(0, {}, kernel);
    REQUIRE(here.ok());
    REQUIRE(there.ok());
    listeners = std::move(*here);
    others = std::move(*there);
    REQUIRE(io->watch_tun().ok());
  }
  ~Ring() { io->end(); }

  void begin() {
    io->begin();
    auto added = io->add(*listeners->v4(), kSocket);
    REQUIRE(added.ok());
    receiver = *added;
  }
  [[nodiscard]] Endpoint address() const { return loopback(listeners->port()); }

  // From the other socket, by system calls.
  void send_here(const Datagrams& datagrams) {
    Runs all(datagrams, *others->v4(), address());
    others->v4()->send(all.runs, kNow);
    REQUIRE(all.lost() == 0);
  }

  // What has been received so far, after one more receive of the socket. True when there was more.
  bool receive_some() {
    const bool was_all = receiver->receive(polled, batch);
    for (std::size_t i = 0; i < batch.frame_count; ++i) {
      const MutableBytes bytes = batch.frames[i].bytes();
      received.emplace_back(bytes.begin(), bytes.end());
      sources.push_back(batch.sources[batch.frames[i].source]);
    }
    return !was_all;
  }
  // Waits and receives until `count` have come, or nothing has for a second.
  void receive(std::size_t count) {
    while (received.size() < count) {
      const auto ready = io->wait(1s);
      if (ready.empty()) return;
      if (std::find(ready.begin(), ready.end(), kSocket) != ready.end()) (void)receive_some();
    }
  }

  UringIoOptions options_;
  PairTun tun;
  KernelSyscalls kernel;
  std::unique_ptr<UdpListeners> listeners;
  std::unique_ptr<UdpListeners> others;
  std::unique_ptr<UringIo> io;
  DatagramReceiver* receiver = nullptr;
  UdpReceiveBuffers polled{1};
  ReceiveBatch batch;
  Datagrams received;
  std::vector<Source> sources;
};

// A TUN queue that can refuse to give a packet: a connected UDP socket, which a datagram that
// nobody takes leaves with an error for the next read.
class OddTun final : public TunQueue {
 public:
  OddTun() {
    REQUIRE(bind(outside_.get(), address(), sizeof address_) == 0);
    socklen_t length = sizeof address_;
    REQUIRE(getsockname(outside_.get(), address(), &length) == 0);
    REQUIRE(connect(queue_.get(), address(), length) == 0);
    REQUIRE(getsockname(queue_.get(), reinterpret_cast<sockaddr*>(&inside_), &length) == 0);
  }
  [[nodiscard]] TunRead read() override {
    ++reads;
    const ssize_t length = ::read(queue_.get(), buffer_.data(), buffer_.size());
    if (length <= 0) return {tun_io_of(errno), {}};
    return {TunIo::done, {buffer_.data(), static_cast<std::size_t>(length)}};
  }
  [[nodiscard]] TunIo write(std::span<const iovec> /*pieces*/) override { return TunIo::failed; }
  [[nodiscard]] int fd() const override { return queue_.get(); }

  bool push() {
    return sendto(outside_.get(), buffer_.data(), 60, 0,
                  reinterpret_cast<const sockaddr*>(&inside_), sizeof inside_) == 60;
  }
  void fail_once() {
    outside_.reset();
    REQUIRE(::write(queue_.get(), "?", 1) == 1);
    outside_.reset(open());
    REQUIRE(bind(outside_.get(), address(), sizeof address_) == 0);
  }

  int reads = 0;

 private:
  static int open() { return socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }
  sockaddr* address() { return reinterpret_cast<sockaddr*>(&address_); }

  sockaddr_in address_{AF_INET, 0, {htonl(INADDR_LOOPBACK)}, {}};
  sockaddr_in inside_{};
  Fd queue_{open()};
  Fd outside_{open()};
  std::array<std::uint8_t, 2000> buffer_{};
};

std::vector<PathIo::Token> tokens(std::span<const PathIo::Token> ready) {
  return {ready.begin(), ready.end()};
}

}  // namespace

TEST_CASE("io_uring: datagrams arrive in order, with where they came from and arrived") {
  XM_NEEDS_IO_URING();
  test::in_own_namespace([] {
    Ring ring;
    ring.begin();
    const Datagrams sent = numbered(100);
    ring.send_here(sent);
    ring.receive(sent.size());
    REQUIRE(ring.received == sent);
    for (const Source& source : ring.sources) {
      CHECK(source.remote == loopback(ring.others->port()));
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
    ring.others->v4()->send(runs.runs, kNow);
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
      const Datagrams sent = numbered(300);
      ring.send_here(sent);
      for (const auto& packet : numbered(3)) REQUIRE(ring.tun.push(packet));
      ring.receive(sent.size());
      CHECK(ring.received == sent);
      // A batch that is larger than the request queue.
      Runs back(numbered(100), *ring.listeners->v4(), loopback(ring.others->port()));
      ring.io->sender().send(back.runs, kNow);
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
      const Datagrams sent = numbered(50);
      ring.send_here(sent);
      (void)ring.io->wait(1s);
      (void)ring.receive_some();
      ring.io->stop(kSocket);
      while (ring.receive_some()) continue;
      CHECK(ring.received == sent);
      ring.io->remove(kSocket);
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
    ring.send_here(numbered(1));
    const std::span<const PathIo::Token> ready = ring.io->wait(1s);
    for (PathIo::Token token = kSocket + 1; token < kSocket + 20; ++token) {
      REQUIRE(ring.io->add(*ring.others->v4(), token).ok());
    }
    ring.io->stop(kSocket);
    CHECK(tokens(ready) == std::vector<PathIo::Token>{kSocket});
  });
}

TEST_CASE("io_uring: a receiver that goes before it is empty gives its buffers back") {
  XM_NEEDS_IO_URING();
  test::in_own_namespace([] {
    UringIoOptions options;
    options.receive_buffers = 2;
    Ring ring(options);
    ring.begin();
    for (PathIo::Token token = kSocket; token < kSocket + 3; ++token) {
      ring.send_here(numbered(2));
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
    Runs first(numbered(3), *ring.others->v4(), ring.address());
    Runs nowhere(numbered(1), *ring.others->v4(), Endpoint::parse("192.0.2.1:9").value());
    auto third = UdpListeners::open(0, {}, ring.kernel);
    REQUIRE(third.ok());
    Runs last(numbered(2), *(*third)->v4(), ring.address());
    std::vector<SendRun> all(first.runs);
    all.insert(all.end(), nowhere.runs.begin(), nowhere.runs.end());
    all.push_back(first.runs[0]);
    all.insert(all.end(), last.runs.begin(), last.runs.end());
    ring.io->sender().send(all, kNow);

    std::vector<std::uint32_t> lost;
    for (const SendRun& run : all) lost.push_back(run.lost);
    CHECK(lost == std::vector<std::uint32_t>{0, 0, 0, 1, 0, 0, 0});
    ring.receive(6);
    Datagrams expected = numbered(3);
    expected.push_back(numbered(1)[0]);
    for (const auto& datagram : numbered(2)) expected.push_back(datagram);
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
    const Datagrams sent = numbered(40);
    Runs runs(sent, full, ring.address());
    ring.io->sender().send(runs.runs, kNow);

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

TEST_CASE("io_uring: a TUN queue is read and written in order") {
  XM_NEEDS_IO_URING();
  test::in_own_namespace([] {
    for (const bool header : {true, false}) {  // without one it is polled and written by the queue
      CAPTURE(header);
      UringIoOptions options;
      options.vnet_header = header;
      Ring ring(options);
      ring.io->begin();
      const Datagrams packets = numbered(100);
      Datagrams read;
      for (std::size_t i = 0; i < packets.size(); ++i) {
        REQUIRE(ring.tun.push(packets[i]));
        if (i % 50 != 49) continue;
        while (read.size() <= i && !ring.io->wait(1s).empty()) {
          for (TunRead got = ring.io->tun().read(); got.state == TunIo::done;
               got = ring.io->tun().read()) {
            read.emplace_back(got.packet.begin() + kVnetHeaderSize, got.packet.end());
          }
        }
      }
      CHECK(read == packets);
      CHECK(ring.io->tun().read().state == TunIo::would_block);

      Datagrams data = numbered(100);
      std::vector<iovec> pieces;
      for (auto& packet : data) pieces.push_back({packet.data(), packet.size()});
      std::vector<TunWrite> writes(data.size());
      for (std::size_t i = 0; i < data.size(); ++i) writes[i].pieces = std::span(&pieces[i], 1);
      ring.io->tun().write_all(writes);
      Datagrams written;
      for (std::vector<std::uint8_t> packet; !(packet = ring.tun.take()).empty();) {
        written.push_back(std::move(packet));
      }
      CHECK(written == data);
      for (const TunWrite& each : writes) CHECK(each.state == TunIo::done);
    }
  });
}

TEST_CASE("io_uring: packets that the TUN device cannot give do not end reading by the ring") {
  XM_NEEDS_IO_URING();
  test::in_own_namespace([] {
    OddTun tun;
    auto made = UringIo::create(tun, {});
    REQUIRE(made.ok());
    UringIo& io = **made;
    REQUIRE(io.watch_tun().ok());
    io.begin();
    const auto read_all = [&] {
      std::size_t count = 0;
      for (const PathIo::Token token : io.wait(1s)) {
        CHECK(token == PathIo::kTun);
        while (io.tun().read().state == TunIo::done) ++count;
      }
      return count;
    };
    REQUIRE(tun.push());
    CHECK(read_all() == 1);
    if (tun.reads > 0) XM_SKIP("this kernel has no multishot read (expected Linux 6.7)");
    // More than may fail in a row when nothing is brought between.
    for (int i = 0; i < 8; ++i) {
      CAPTURE(i);
      tun.fail_once();
      CHECK(read_all() == 0);
      CHECK(tun.reads == i + 1);  // by a system call, which finds nothing any more
      REQUIRE(tun.push());
      CHECK(read_all() == 1);
      CHECK(tun.reads == i + 1);  // by the ring
    }
    io.end();
  });
}

TEST_CASE("io_uring: a TUN device that is down refuses, one that is deleted is gone") {
  XM_NEEDS_IO_URING();
  XM_NEEDS_TUN();
  test::in_own_namespace([] {
    auto device = TunDevice::open("xmt0", 1);
    REQUIRE(device.ok());
    auto io = UringIo::create(device->queue(0), {});
    REQUIRE(io.ok());
    REQUIRE((*io)->watch_tun().ok());
    (*io)->begin();
    CHECK((*io)->wait(0ns).empty());

    VnetHeader header;
    std::vector<std::uint8_t> packet(48);
    packet[0] = 0x60;
    packet[5] = 8;
    packet[6] = 59;
    const std::array<iovec, 2> pieces{iovec{&header, sizeof header},
                                      iovec{packet.data(), packet.size()}};
    std::array<TunWrite, 2> writes{TunWrite{pieces}, TunWrite{pieces}};
    (*io)->tun().write_all(writes);
    CHECK(writes[1].state == TunIo::down);
    REQUIRE(test::set_up("xmt0", true));
    (*io)->tun().write_all(writes);
    CHECK(writes[0].state == TunIo::done);
    CHECK(writes[1].state == TunIo::done);

    REQUIRE(test::delete_interface("xmt0"));
    TunIo state = TunIo::would_block;
    while (state != TunIo::gone && !(*io)->wait(1s).empty()) state = (*io)->tun().read().state;
    CHECK(state == TunIo::gone);
    (*io)->forget_tun();
    (*io)->end();
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
    ring.send_here(numbered(1));
    bool heard = false;
    for (int i = 0; i < 5 && !heard; ++i) {
      const auto ready = tokens(ring.io->wait(1s));
      heard = std::find(ready.begin(), ready.end(), PathIo::kBell) != ready.end();
      (void)ring.receive_some();
      ring.send_here(numbered(1));
      Runs back(numbered(2), *ring.listeners->v4(), loopback(ring.others->port()));
      ring.io->sender().send(back.runs, kNow);
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
    ring.send_here(numbered(5));
    ring.receive(5);
    ring.send_here(numbered(5));
    REQUIRE(test::refuse_syscall(SYS_io_uring_enter, EPERM));

    Runs runs(numbered(3), *ring.others->v4(), ring.address());
    ring.io->sender().send(runs.runs, kNow);
    CHECK(runs.lost() == 0);
    REQUIRE(ring.tun.push({0x45, 1}));
    CHECK(ring.io->wait(1s).size() == 2);
    CHECK(ring.io->failure() == EPERM);
    CHECK(ring.io->tun().read().state == TunIo::done);
    ring.receive(13);
    // Linux 6.1 ends what was under way by doing it: what it takes then is lost with the ring.
    const std::size_t kept = ring.received.size();
    CHECK(kept >= (kernel_is("6.1.") ? 5 : 13));
    ring.send_here(numbered(1));
    CHECK(tokens(ring.io->wait(1s)) == std::vector<PathIo::Token>{kSocket});
    (void)ring.receive_some();
    CHECK(ring.received.size() == kept + 1);
    CHECK(ring.received.back() == numbered(1).front());
    ring.io->stop(kSocket);
    CHECK(ring.io->wait(0ns).empty());
    log::level = LogLevel::info;

    // What the ring had begun holds neither the socket nor its port, though it lives on.
    ring.io->remove(kSocket);
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
