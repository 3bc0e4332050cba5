// A worker's I/O by the kernel's io_uring on the test's thread, with sockets on the loopback of a
// namespace of the test's.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <vector>

#include "agent/io/udp_listeners.hpp"
#include "agent/io/uring_io.hpp"
#include "tests/support/pair_tun.hpp"
#include "tests/support/skip.hpp"
#include "tests/unit/io/own_namespace.hpp"

#define XM_NEEDS_IO_URING()                                                     \
  do {                                                                          \
    XM_NEEDS_NAMESPACES();                                                      \
    if (const auto made = Uring::create({}); !made) XM_SKIP(made.error().what); \
  } while (false)

namespace xm::test {

inline constexpr Instant kUringNow{5'000'000'000};
inline constexpr PathIo::Token kUringSocket = PathIo::kFirstSocket;
using Datagrams = std::vector<std::vector<std::uint8_t>>;

inline Endpoint loopback_endpoint(std::uint16_t port) {
  return {IpAddress::parse("127.0.0.1").value(), port, 0};
}

// Datagrams of different lengths, each with its number in front.
inline Datagrams numbered_datagrams(std::size_t count) {
  Datagrams made;
  for (std::size_t i = 0; i < count; ++i) {
    made.emplace_back(40 + i * 7 % 1000, static_cast<std::uint8_t>(i >> 8));
    made.back()[0] = static_cast<std::uint8_t>(i);
  }
  return made;
}

// One run for every datagram, or one for all that are equally long.
struct UringRuns {
  UringRuns(const Datagrams& datagrams, UdpSocket& socket, const Endpoint& to) : bytes(datagrams) {
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
struct UringLab {
  explicit UringLab(UringIoOptions options = {}) : options_(options) {
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
  ~UringLab() { io->end(); }

  void begin() {
    io->begin();
    auto added = io->add(*listeners->v4(), kUringSocket);
    REQUIRE(added.ok());
    receiver = *added;
  }
  [[nodiscard]] Endpoint address() const { return loopback_endpoint(listeners->port()); }

  // From the other socket, by system calls.
  void send_here(const Datagrams& datagrams) {
    UringRuns all(datagrams, *others->v4(), address());
    others->v4()->send(all.runs, kUringNow);
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
      if (std::find(ready.begin(), ready.end(), kUringSocket) != ready.end()) (void)receive_some();
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

inline std::vector<PathIo::Token> tokens(std::span<const PathIo::Token> ready) {
  return {ready.begin(), ready.end()};
}

}  // namespace xm::test
