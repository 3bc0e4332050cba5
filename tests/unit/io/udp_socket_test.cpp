#include "agent/io/udp_socket.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <numeric>
#include <string>
#include <vector>

#include "tests/support/fake_syscalls.hpp"

using namespace xm;
using xm::test::FakeSyscalls;
using xm::test::IncomingMessage;
using xm::test::SentMessage;

namespace {

constexpr Instant kNow{5'000'000'000};
// No descriptors of the system's: the fake never looks at them, closing them fails harmlessly.
constexpr int kListenerFd = 100'001;
constexpr int kConnectedFd = 100'002;

std::vector<std::uint8_t> numbered(std::size_t length) {
  std::vector<std::uint8_t> bytes(length);
  std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
  return bytes;
}

// A listener and a connected socket of one family over faked system calls.
struct Sockets {
  explicit Sockets(const char* remote = "192.0.2.1:51820", bool segmentation = true)
      : listener(Fd(kListenerFd), Endpoint::parse(remote)->address.family, nullptr, segmentation,
                 kernel),
        connected(Fd(kConnectedFd), Endpoint::parse(remote)->address.family, &listener,
                  segmentation, kernel) {
    path.remote = *Endpoint::parse(remote);
  }

  SendRun run(std::uint32_t length, std::uint32_t segment_size) {
    SendRun made;
    made.path = &path;
    made.data = data.data();
    made.length = length;
    made.segment_size = segment_size;
    return made;
  }

  FakeSyscalls kernel;
  UdpSocket listener;
  UdpSocket connected;
  SendPath path;
  std::vector<std::uint8_t> data = numbered(200'000);
};

// What arrives at the other end: every message cut into its datagrams.
std::vector<std::vector<std::uint8_t>> datagrams(const std::vector<SentMessage>& sent) {
  std::vector<std::vector<std::uint8_t>> result;
  for (const SentMessage& message : sent) {
    const std::size_t size =
        message.segment_size == 0 ? message.payload.size() : message.segment_size;
    for (std::size_t at = 0; at < message.payload.size(); at += size) {
      const std::size_t length = std::min(size, message.payload.size() - at);
      const auto begin = message.payload.begin() + static_cast<std::ptrdiff_t>(at);
      result.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(length));
    }
  }
  return result;
}

std::vector<std::vector<std::uint8_t>> datagrams(const SendRun& run) {
  std::vector<std::vector<std::uint8_t>> result;
  for (std::uint32_t at = 0; at < run.length; at += run.segment_size) {
    const std::uint32_t length = std::min(run.segment_size, run.length - at);
    result.emplace_back(run.data + at, run.data + at + length);
  }
  return result;
}

}  // namespace

TEST_CASE("a run leaves in one segmented send with its destination, source and TOS") {
  struct Row {
    const char* why;
    const char* remote;
    const char* local;
    std::uint32_t interface_index;
    std::uint32_t sent_interface;
  };
  for (const Row& row :
       {Row{"IPv4", "192.0.2.1:51820", "192.0.2.9", 3, 0},
        Row{"IPv6", "[2001:db8::1]:51820", "2001:db8::9", 3, 0},
        Row{"IPv6 link-local needs its interface", "[fe80::1%3]:51820", "fe80::9", 3, 3}}) {
    CAPTURE(row.why);
    Sockets sockets(row.remote);
    sockets.path.local = *IpAddress::parse(row.local);
    sockets.path.interface_index = row.interface_index;
    SendRun run = sockets.run(3000, 1452);
    run.tos = 2;
    sockets.listener.send(std::span(&run, 1), kNow);

    REQUIRE(sockets.kernel.sent.size() == 1);
    const SentMessage& message = sockets.kernel.sent[0];
    CHECK(message.fd == kListenerFd);
    CHECK(message.to == sockets.path.remote);
    CHECK(message.segment_size == 1452);
    CHECK(message.source == sockets.path.local);
    CHECK(message.interface_index == row.sent_interface);
    CHECK(message.tos == 2);
    CHECK(message.payload.size() == 3000);
    CHECK(run.lost == 0);
  }
}

TEST_CASE(
    "a connected socket names neither destination nor source; one datagram is not segmented") {
  Sockets sockets;
  sockets.path.local = *IpAddress::parse("192.0.2.9");
  SendRun run = sockets.run(148, 148);
  sockets.connected.send(std::span(&run, 1), kNow);
  REQUIRE(sockets.kernel.sent.size() == 1);
  CHECK_FALSE(sockets.kernel.sent[0].to.is_set());
  CHECK(sockets.kernel.sent[0].source.family == IpAddress::Family::none);
  CHECK(sockets.kernel.sent[0].segment_size == 0);
}

TEST_CASE("several runs leave in order in one call") {
  Sockets sockets;
  std::vector<SendRun> runs{sockets.run(3000, 1452), sockets.run(0, 0), sockets.run(96, 96),
                            sockets.run(200, 100)};
  sockets.listener.send(runs, kNow);
  CHECK(sockets.kernel.send_calls == 1);
  REQUIRE(sockets.kernel.sent.size() == 3);
  CHECK(sockets.kernel.sent[0].payload.size() == 3000);
  CHECK(sockets.kernel.sent[1].payload.size() == 96);
  CHECK(sockets.kernel.sent[2].payload.size() == 200);
}

TEST_CASE("a run past the limits of one send is cut at whole datagrams") {
  Sockets sockets;
  SendRun many = sockets.run(150 * 100, 100);
  SendRun long_ones = sockets.run(70'000, 1452);
  sockets.listener.send(std::span(&many, 1), kNow);
  sockets.listener.send(std::span(&long_ones, 1), kNow);
  for (const SentMessage& message : sockets.kernel.sent) {
    CHECK(message.payload.size() <= kMaxUdpPayload);
    CHECK(message.payload.size() <= std::size_t{kMaxSegments} * message.segment_size);
  }
  auto expected = datagrams(many);
  for (auto& datagram : datagrams(long_ones)) expected.push_back(datagram);
  CHECK(datagrams(sockets.kernel.sent) == expected);
}

TEST_CASE("without segmentation every datagram is a message, many a call") {
  Sockets sockets("192.0.2.1:51820", false);
  SendRun run = sockets.run(100 * 100 - 40, 100);
  sockets.listener.send(std::span(&run, 1), kNow);
  CHECK(sockets.kernel.send_calls == 2);
  CHECK(sockets.kernel.sent.size() == 100);
  CHECK(datagrams(sockets.kernel.sent) == datagrams(run));
}

// How each refusal is answered: what leaves in the end, by which socket, and what is remembered.
TEST_CASE("refused sends") {
  struct Row {
    const char* why;
    bool connected;
    std::function<int(const SentMessage&, int attempt)> kernel;  // attempt counts from 0
    std::uint32_t lost;
    bool full;
    bool segmentation_off;
    int last_fd;
  };
  const auto always = [](int error) { return [error](const SentMessage&, int) { return error; }; };
  const auto first = [](int error) {
    return [error](const SentMessage&, int attempt) { return attempt == 0 ? error : 0; };
  };
  const auto segmented = [](int error) {
    return
        [error](const SentMessage& message, int) { return message.segment_size != 0 ? error : 0; };
  };
  const auto on_connected = [](int error) {
    return
        [error](const SentMessage& message, int) { return message.fd == kConnectedFd ? error : 0; };
  };
  const auto with_source = [](int error) {
    return [error](const SentMessage& message, int) {
      return message.source.family != IpAddress::Family::none ? error : 0;
    };
  };
  const int none = -1;
  const std::vector<Row> rows{
      {"interrupted", false, first(EINTR), 0, false, false, kListenerFd},
      {"segmented EIO", false, segmented(EIO), 0, false, true, kListenerFd},
      {"segmented EMSGSIZE", true, segmented(EMSGSIZE), 0, false, true, kConnectedFd},
      {"segmented EINVAL", false, segmented(EINVAL), 0, false, true, kListenerFd},
      {"segmented EINVAL, connected", true, segmented(EINVAL), 0, false, true, kConnectedFd},
      {"too long even alone", false, always(EMSGSIZE), 4, false, true, none},
      {"pending ICMP error", false, first(ECONNREFUSED), 0, false, false, kListenerFd},
      {"pending ICMP error, connected", true, first(ECONNREFUSED), 0, false, false, kConnectedFd},
      {"refused again and again", true, always(ECONNREFUSED), 4, false, false, none},
      {"host unreachable once", true, first(EHOSTUNREACH), 0, false, false, kConnectedFd},
      {"no route, connected", true, on_connected(ENETUNREACH), 0, false, false, kListenerFd},
      {"address gone, connected", true, on_connected(EADDRNOTAVAIL), 0, false, false, kListenerFd},
      {"EINVAL, connected", true, on_connected(EINVAL), 0, false, true, kListenerFd},
      {"being reconnected", true, on_connected(EDESTADDRREQ), 0, false, false, kListenerFd},
      {"no route at all", true, always(ENETUNREACH), 4, false, false, none},
      {"sticky source EINVAL", false, with_source(EINVAL), 0, false, false, kListenerFd},
      {"sticky source ENETUNREACH", false, with_source(ENETUNREACH), 0, false, false, kListenerFd},
      {"firewall", false, always(EPERM), 4, false, false, none},
      {"full for a moment", false, first(EAGAIN), 0, false, false, kListenerFd},
      {"no buffers for a moment", false, first(ENOBUFS), 0, false, false, kListenerFd},
      {"full for good", false, always(EAGAIN), 4, true, false, none},
      {"full for good, connected", true, always(ENOBUFS), 4, true, false, none},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    Sockets sockets;
    sockets.path.local = *IpAddress::parse("192.0.2.9");
    int attempt = 0;
    sockets.kernel.on_send = [&](const SentMessage& message) {
      return row.kernel(message, attempt++);
    };
    SendRun run = sockets.run(350, 100);
    UdpSocket& socket = row.connected ? sockets.connected : sockets.listener;
    socket.send(std::span(&run, 1), kNow);

    CHECK(run.lost == row.lost);
    CHECK(run.lost_to_full_queue == row.full);
    CHECK(sockets.path.no_gso_until ==
          (row.segmentation_off ? (kNow + kGsoRetryAfter).nanoseconds : 0));
    CHECK(sockets.kernel.polls <= static_cast<int>(kMaxSendWaits));
    if (row.last_fd == none) {
      CHECK(sockets.kernel.sent.empty());
    } else {
      CHECK(datagrams(sockets.kernel.sent) == datagrams(run));
      CHECK(sockets.kernel.sent.back().fd == row.last_fd);
    }
  }
}

TEST_CASE("a socket that stays full is waited for once in a while, until it has had a rest") {
  Sockets sockets;
  sockets.kernel.on_send = [](const SentMessage& /*message*/) { return EAGAIN; };
  SendRun run = sockets.run(100, 100);
  const auto waits = [&](Instant now) {
    const int before = sockets.kernel.polls;
    sockets.listener.send(std::span(&run, 1), now);
    CHECK(run.lost == 1);
    return sockets.kernel.polls - before;
  };
  constexpr int kAll = kMaxSendWaits;
  CHECK(waits(kNow) == kAll);
  CHECK(waits(kNow) == 0);
  CHECK(waits(kNow + kSendWaitEvery - Duration(1)) == 0);
  CHECK(waits(kNow + kSendWaitEvery) == 1);
  CHECK(waits(kNow + 3 * kSendWaitEvery) == 2);
  CHECK(waits(kNow + (3 + kAll) * kSendWaitEvery) == kAll);
  // One socket's waits are not another's.
  sockets.connected.send(std::span(&run, 1), kNow);
  CHECK(sockets.kernel.polls > 2 * kAll + 3);
}

TEST_CASE("segmentation comes back after its pause") {
  Sockets sockets;
  sockets.path.no_gso_until = (kNow + kGsoRetryAfter).nanoseconds;
  SendRun run = sockets.run(350, 100);
  sockets.listener.send(std::span(&run, 1), kNow);
  CHECK(sockets.kernel.sent.size() == 4);
  sockets.listener.send(std::span(&run, 1), kNow + kGsoRetryAfter);
  CHECK(sockets.kernel.sent.size() == 5);
}

TEST_CASE("a refusal in the middle keeps what left before it and the order of what follows") {
  Sockets sockets;
  std::vector<SendRun> runs;
  for (int i = 0; i < 8; ++i) {
    runs.push_back(sockets.run(350, 100));
    runs.back().data = sockets.data.data() + 1000 * i + i;
  }
  int attempt = 0;
  // The third message meets a pending error, a full queue twice and a device without offload.
  sockets.kernel.on_send = [&](const SentMessage& message) {
    const int now = attempt++;
    if (now == 2 || now == 3) return ECONNREFUSED;
    if (now == 4 || now == 5) return EAGAIN;
    if (now >= 6 && now < 12 && message.segment_size != 0) return EIO;
    return 0;
  };
  sockets.connected.send(runs, kNow);
  std::vector<std::vector<std::uint8_t>> expected;
  for (const SendRun& run : runs) {
    CHECK(run.lost == 0);
    for (auto& datagram : datagrams(run)) expected.push_back(datagram);
  }
  CHECK(datagrams(sockets.kernel.sent) == expected);
}

TEST_CASE("a datagram lost to a full queue is counted, and those behind it still leave in order") {
  Sockets sockets("192.0.2.1:51820", false);
  SendRun run = sockets.run(350, 100);
  sockets.kernel.on_send = [&](const SentMessage& message) {
    return message.payload[0] == 100 ? EAGAIN : 0;  // the second one
  };
  sockets.listener.send(std::span(&run, 1), kNow);
  CHECK(run.lost == 1);
  CHECK(run.lost_to_full_queue);
  REQUIRE(sockets.kernel.sent.size() == 3);
  CHECK(sockets.kernel.sent[1].payload[0] == 200);
  CHECK(sockets.kernel.sent[2].payload.size() == 50);
}

// --- Receiving -----------------------------------------------------------------------------------

namespace {

IncomingMessage message(std::size_t length, int segment_size) {
  IncomingMessage made;
  made.from = *Endpoint::parse("192.0.2.1:1000");
  made.payload = numbered(length);
  made.segment_size = segment_size;
  made.local = *IpAddress::parse("192.0.2.9");
  made.interface_index = 4;
  made.tos = 0xff;
  return made;
}

}  // namespace

TEST_CASE("a coalesced message becomes its datagrams, with one source") {
  for (const char* remote : {"192.0.2.1:1000", "[2001:db8::1]:1000"}) {
    Sockets sockets(remote);
    IncomingMessage coalesced = message(250, 100);
    coalesced.from = *Endpoint::parse(remote);
    if (coalesced.from.address.is_v6()) coalesced.local = *IpAddress::parse("2001:db8::9");
    sockets.kernel.incoming.push_back({0, {coalesced}});
    UdpReceiveBuffers buffers;
    ReceiveBatch batch;
    CHECK(sockets.listener.receive(buffers, batch));
    REQUIRE(batch.frame_count == 3);
    CHECK(batch.source_count == 1);
    CHECK(batch.sources[0].remote == coalesced.from);
    CHECK(batch.sources[0].local == coalesced.local);
    CHECK(batch.sources[0].interface_index == 4);
    CHECK(batch.sources[0].ecn == 3);
    CHECK(batch.frames[1].length == 100);
    CHECK(batch.frames[1].data[0] == 100);
    CHECK(batch.frames[2].length == 50);
  }
}

TEST_CASE("nothing of one message's ancillary data clings to the next") {
  Sockets sockets;
  IncomingMessage bare = message(250, 0);
  bare.local = {};
  sockets.kernel.incoming = {{0, {message(250, 100)}}, {0, {bare}}};
  UdpReceiveBuffers buffers;
  ReceiveBatch batch;
  sockets.listener.receive(buffers, batch);
  sockets.listener.receive(buffers, batch);
  REQUIRE(batch.frame_count == 1);
  CHECK(batch.frames[0].length == 250);
  CHECK(batch.sources[0].local.family == IpAddress::Family::none);
  CHECK(batch.sources[0].ecn == 0);
}

TEST_CASE("more datagrams than a batch holds come with the next receive, none is lost") {
  Sockets sockets;
  std::vector<IncomingMessage> messages(8, message(200 * 100, 100));
  sockets.kernel.incoming.push_back({0, messages});
  UdpReceiveBuffers buffers;
  ReceiveBatch batch;
  std::size_t total = 0;
  int receives = 0;
  int held = 0;
  bool drained = false;
  while (!drained) {
    drained = sockets.listener.receive(buffers, batch);
    held += batch.rest_is_held ? 1 : 0;
    for (std::size_t i = 0; i < batch.frame_count; ++i) {
      CHECK(batch.frames[i].data[0] == (total % 200 * 100) % 256);
      ++total;
    }
    ++receives;
  }
  CHECK(total == 1600);
  CHECK(receives == 5);  // 512 + 512 + 512 + 64, then the socket is found empty
  CHECK(held == 3);
}

TEST_CASE("a receive that brings only what was held does not call its socket empty") {
  Sockets sockets;
  sockets.kernel.incoming.push_back({0, std::vector<IncomingMessage>(5, message(128 * 100, 100))});
  UdpReceiveBuffers buffers;
  ReceiveBatch batch;
  CHECK_FALSE(sockets.listener.receive(buffers, batch));
  CHECK(batch.frame_count == 512);
  CHECK(batch.rest_is_held);
  CHECK_FALSE(sockets.listener.receive(buffers, batch));
  CHECK(batch.frame_count == 128);
  CHECK_FALSE(batch.rest_is_held);
  CHECK(sockets.listener.receive(buffers, batch));
  CHECK(batch.frame_count == 0);
}

TEST_CASE("empty datagrams are frames, truncated ones are counted") {
  Sockets sockets;
  IncomingMessage truncated = message(250, 100);
  truncated.flags = MSG_TRUNC;
  sockets.kernel.incoming.push_back({0, {message(0, 0), truncated, message(40, 0)}});
  UdpReceiveBuffers buffers;
  ReceiveBatch batch;
  CHECK(sockets.listener.receive(buffers, batch));
  REQUIRE(batch.frame_count == 2);
  CHECK(batch.frames[0].length == 0);
  CHECK(batch.frames[1].length == 40);
  CHECK(batch.truncated == 3);
}

TEST_CASE(
    "receive is empty when nothing waits, and asks to be called again after a pending error") {
  Sockets sockets;
  UdpReceiveBuffers buffers;
  ReceiveBatch batch;
  CHECK(sockets.listener.receive(buffers, batch));
  CHECK(batch.frame_count == 0);

  sockets.kernel.incoming = {{ECONNREFUSED, {}}, {0, {message(40, 0)}}};
  CHECK_FALSE(sockets.listener.receive(buffers, batch));
  CHECK(batch.frame_count == 0);
  CHECK(sockets.listener.receive(buffers, batch));
  CHECK(batch.frame_count == 1);

  // An error that will not go away must not make the caller spin.
  sockets.kernel.incoming = {{EBADF, {}}};
  CHECK(sockets.listener.receive(buffers, batch));
}
