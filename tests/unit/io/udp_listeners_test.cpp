// On the kernel's own sockets, inside a namespace of the test's.
#include "agent/io/udp_listeners.hpp"

#include <doctest/doctest.h>
#include <poll.h>

#include <cerrno>
#include <string>
#include <vector>

#include "tests/support/skip.hpp"
#include "tests/unit/io/own_namespace.hpp"

using namespace xm;

namespace {

constexpr Instant kNow{5'000'000'000};

// Sends `length` bytes of `fill` from `socket` to `remote`.
SendRun send_to(UdpSocket& socket, const Endpoint& remote, std::uint32_t length,
                std::uint32_t segment_size, std::uint8_t tos = 0) {
  static std::vector<std::uint8_t> data(65'507, 0x5a);
  SendPath path;
  path.remote = remote;
  SendRun run;
  run.path = &path;
  run.data = data.data();
  run.length = length;
  run.segment_size = segment_size;
  run.tos = tos;
  socket.send(std::span(&run, 1), kNow);
  return run;
}

// The lengths and the ECN bits of what comes to `socket` within a second, until `expected` came.
struct Received {
  std::vector<std::uint32_t> lengths;
  std::vector<Source> sources;
};
Received receive_from(UdpSocket& socket, std::size_t expected) {
  Received result;
  UdpReceiveBuffers buffers;
  ReceiveBatch batch;
  pollfd readable{socket.fd(), POLLIN, 0};
  while (result.lengths.size() < expected && poll(&readable, 1, 1000) > 0) {
    bool drained = false;
    while (!drained) {
      drained = socket.receive(buffers, batch);
      for (std::size_t i = 0; i < batch.frame_count; ++i) {
        result.lengths.push_back(batch.frames[i].length);
        result.sources.push_back(batch.sources[batch.frames[i].source]);
      }
    }
  }
  return result;
}

bool is_quiet(const UdpSocket& socket) {
  pollfd readable{socket.fd(), POLLIN, 0};
  return poll(&readable, 1, 20) == 0;
}

struct Opened {
  KernelSyscalls kernel;
  std::unique_ptr<UdpListeners> listeners;
  explicit Opened(std::uint16_t port = 0, UdpOptions options = {}) {
    auto result = UdpListeners::open(port, options, kernel);
    REQUIRE_MESSAGE(result.ok(), result.error().what);
    listeners = std::move(*result);
  }
  UdpListeners* operator->() const { return listeners.get(); }
};

const char* loopback(IpAddress::Family family) {
  return family == IpAddress::Family::v4 ? "127.0.0.1" : "::1";
}

Endpoint at(IpAddress::Family family, std::uint16_t port) {
  return {*IpAddress::parse(loopback(family)), port, 0};
}

constexpr IpAddress::Family kFamilies[] = {IpAddress::Family::v4, IpAddress::Family::v6};

}  // namespace

TEST_CASE("port 0 finds one port for both families; a taken port is an error") {
  XM_NEEDS_NAMESPACES();
  test::in_own_namespace([] {
    Opened opened;
    CHECK(opened->port() != 0);
    CHECK(opened->v4() != nullptr);
    CHECK(opened->v6() != nullptr);
    CHECK(opened->capabilities().receive_buffer > 0);
    CHECK(opened->capabilities().send_buffer > 0);

    KernelSyscalls kernel;
    const auto second = UdpListeners::open(opened->port(), {}, kernel);
    REQUIRE_FALSE(second.ok());
    CHECK(second.error().os_errno == EADDRINUSE);
    CHECK(second.error().what.find(std::to_string(opened->port())) != std::string::npos);
  });
}

TEST_CASE("a port that is taken on IPv6 alone is an error too") {
  XM_NEEDS_NAMESPACES();
  test::in_own_namespace([] {
    Opened opened;
    const std::uint16_t port = opened->port();
    const Fd other(socket(AF_INET6, SOCK_DGRAM, 0));
    sockaddr_in6 name{};
    name.sin6_family = AF_INET6;
    socklen_t length = sizeof name;
    const int only = 1;
    setsockopt(other.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
    REQUIRE(bind(other.get(), reinterpret_cast<sockaddr*>(&name), length) == 0);
    getsockname(other.get(), reinterpret_cast<sockaddr*>(&name), &length);
    REQUIRE(ntohs(name.sin6_port) != port);

    KernelSyscalls kernel;
    const auto second = UdpListeners::open(ntohs(name.sin6_port), {}, kernel);
    REQUIRE_FALSE(second.ok());
    CHECK(second.error().os_errno == EADDRINUSE);
  });
}

TEST_CASE("a segmented send arrives as its datagrams, with source, local address and ECN") {
  XM_NEEDS_NAMESPACES();
  test::in_own_namespace([] {
    Opened here;
    Opened there;
    for (const auto family : kFamilies) {
      CAPTURE(loopback(family));
      const SendRun run =
          send_to(*here->of_family(family), at(family, there->port()), 64 * 1000 - 300, 1000, 2);
      CHECK(run.lost == 0);
      CHECK(run.path != nullptr);
      const Received received = receive_from(*there->of_family(family), 64);
      REQUIRE(received.lengths.size() == 64);
      CHECK(received.lengths.front() == 1000);
      CHECK(received.lengths.back() == 700);
      CHECK(received.sources.front().remote == at(family, here->port()));
      CHECK(received.sources.front().local == *IpAddress::parse(loopback(family)));
      CHECK(received.sources.front().interface_index == 1);
      CHECK(received.sources.front().ecn == 2);
    }
  });
}

TEST_CASE("a peer's datagrams come to its connected socket, strangers' to the listener") {
  XM_NEEDS_NAMESPACES();
  test::in_own_namespace([] {
    Opened here;
    Opened peer;
    Opened stranger;
    for (const auto family : kFamilies) {
      for (const char* local : {"", loopback(family)}) {
        CAPTURE(loopback(family));
        CAPTURE(local);
        auto connected = here->open_connected(at(family, peer->port()),
                                              IpAddress::parse(local).value_or(IpAddress{}), 0);
        REQUIRE_MESSAGE(connected.ok(), connected.error().what);
        UdpSocket& socket = **connected;
        CHECK(socket.is_connected());
        UdpSocket& listener = *here->of_family(family);
        const Endpoint us = at(family, here->port());

        send_to(*peer->of_family(family), us, 100, 100);
        send_to(*stranger->of_family(family), us, 200, 200);
        CHECK(receive_from(socket, 1).lengths == std::vector<std::uint32_t>{100});
        CHECK(receive_from(listener, 1).lengths == std::vector<std::uint32_t>{200});

        // From our port, whichever socket sends.
        send_to(socket, at(family, peer->port()), 300, 150);
        const Received received = receive_from(*peer->of_family(family), 2);
        CHECK(received.lengths == std::vector<std::uint32_t>{150, 150});
        CHECK(received.sources.at(0).remote == us);

        // The peer moves: after reconnecting the roles change.
        REQUIRE(socket.reconnect(at(family, stranger->port())).ok());
        send_to(*peer->of_family(family), us, 101, 101);
        send_to(*stranger->of_family(family), us, 201, 201);
        CHECK(receive_from(socket, 1).lengths == std::vector<std::uint32_t>{201});
        CHECK(receive_from(listener, 1).lengths == std::vector<std::uint32_t>{101});
      }
    }
  });
}

TEST_CASE("a peer that answers with ICMP loses nothing: every send leaves") {
  XM_NEEDS_NAMESPACES();
  test::in_own_namespace([] {
    Opened here;
    std::uint16_t port = 0;
    {
      Opened gone;
      port = gone->port();
    }
    auto connected = here->open_connected(at(IpAddress::Family::v4, port), {}, 0);
    REQUIRE(connected.ok());
    for (int i = 0; i < 4; ++i) {
      CHECK(send_to(**connected, at(IpAddress::Family::v4, port), 300, 100).lost == 0);
    }
    UdpReceiveBuffers buffers;
    ReceiveBatch batch;
    while (!(*connected)->receive(buffers, batch)) {
    }
    CHECK(batch.frame_count == 0);
  });
}

TEST_CASE("datagrams past the link's MTU go without segmentation, in fragments") {
  XM_NEEDS_NAMESPACES();
  test::in_own_namespace([] {
    REQUIRE(test::set_interface_mtu("lo", 1400));
    Opened here;
    Opened there;
    for (const auto family : kFamilies) {
      SendPath path;
      path.remote = at(family, there->port());
      std::vector<std::uint8_t> data(3000);
      SendRun run;
      run.path = &path;
      run.data = data.data();
      run.length = 3000;
      run.segment_size = 1452;
      here->of_family(family)->send(std::span(&run, 1), kNow);
      CHECK(run.lost == 0);
      CHECK(path.no_gso_until == (kNow + kGsoRetryAfter).nanoseconds);
      CHECK(receive_from(*there->of_family(family), 3).lengths ==
            std::vector<std::uint32_t>{1452, 1452, 96});
    }
  });
}

TEST_CASE("a sticky source that is not ours any more is left out") {
  XM_NEEDS_NAMESPACES();
  test::in_own_namespace([] {
    Opened here;
    Opened there;
    for (const auto& [family, local] : {std::pair(IpAddress::Family::v4, "192.0.2.9"),
                                        std::pair(IpAddress::Family::v6, "2001:db8::9")}) {
      CAPTURE(local);
      SendPath path;
      path.remote = at(family, there->port());
      path.local = *IpAddress::parse(local);
      std::vector<std::uint8_t> data(250);
      SendRun run;
      run.path = &path;
      run.data = data.data();
      run.length = 250;
      run.segment_size = 100;
      here->of_family(family)->send(std::span(&run, 1), kNow);
      CHECK(run.lost == 0);
      CHECK(path.no_gso_until == 0);
      CHECK(receive_from(*there->of_family(family), 3).lengths.size() == 3);
    }
  });
}

TEST_CASE("the firewall mark reaches listeners and sockets connected later") {
  XM_NEEDS_NAMESPACES();
  test::in_own_namespace([] {
    const auto mark_of = [](const UdpSocket& socket) {
      std::uint32_t mark = 0;
      socklen_t length = sizeof mark;
      getsockopt(socket.fd(), SOL_SOCKET, SO_MARK, &mark, &length);
      return mark;
    };
    UdpOptions options;
    options.mark = 7;
    Opened here(0, options);
    CHECK(mark_of(*here->v4()) == 7);
    REQUIRE(here->set_mark(0xca6c).ok());
    CHECK(mark_of(*here->v4()) == 0xca6c);
    CHECK(mark_of(*here->v6()) == 0xca6c);
    auto connected = here->open_connected(at(IpAddress::Family::v6, 9), {}, 0);
    REQUIRE(connected.ok());
    CHECK(mark_of(**connected) == 0xca6c);
    REQUIRE((*connected)->set_mark(0).ok());
    CHECK(mark_of(**connected) == 0);
  });
}

TEST_CASE("a connected socket that cannot be made is an error, not a crash") {
  XM_NEEDS_NAMESPACES();
  test::in_own_namespace([] {
    Opened here;
    CHECK_FALSE(here->open_connected({}, {}, 0).ok());
    // No route there, and not our address.
    CHECK_FALSE(here->open_connected(*Endpoint::parse("192.0.2.1:9"), {}, 0).ok());
    CHECK_FALSE(
        here->open_connected(at(IpAddress::Family::v4, 9), *IpAddress::parse("192.0.2.1"), 0).ok());
    // The port is as it was.
    Opened peer;
    send_to(*peer->v4(), at(IpAddress::Family::v4, here->port()), 50, 50);
    CHECK(receive_from(*here->v4(), 1).lengths.size() == 1);
    CHECK(is_quiet(*here->v4()));
  });
}
