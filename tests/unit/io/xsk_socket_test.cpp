// On the kernel's AF_XDP, over a veth pair in a namespace of the test's, with the smallest program
// that redirects.
#include "agent/io/xsk_socket.hpp"

#include <doctest/doctest.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <thread>

#include "agent/io/syscall_io.hpp"
#include "agent/io/uring_io.hpp"
#include "tests/support/outer_frames.hpp"
#include "tests/support/pair_tun.hpp"
#include "tests/support/redirect_program.hpp"
#include "tests/support/skip.hpp"
#include "tests/support/veth_pair.hpp"

using namespace xm;
using namespace xm::test;
using Mode = RedirectProgram::Mode;

#define XM_NEEDS_AF_XDP()                                                  \
  do {                                                                     \
    XM_NEEDS_NAMESPACES();                                                 \
    if (const auto made = make_xsk({}); !made) XM_SKIP(made.error().what); \
  } while (false)

namespace {

XskOptions options_for(const VethPair& veth, Mode mode) {
  XskOptions options;
  options.interface_index = veth.near_index();
  options.chunks = 256;
  if (mode == Mode::generic) options.zero_copy = ZeroCopy::off;
  return options;
}

// A socket on the near end of a cable, and what arrived at it.
struct Lab {
  explicit Lab(Mode mode, std::uint32_t queues = 1) : veth(queues), mode_(mode) {
    program = RedirectProgram::attach(veth.near_index(), mode);
    REQUIRE(program.has_value());
  }

  void open(XskOptions options) {
    // A ring that has ended gives the queue back in the kernel's own time.
    auto made = XskSocket::create(options);
    for (int i = 0; i < 500 && !made && made.error().os_errno == EBUSY; ++i) {
      std::this_thread::sleep_for(10ms);
      made = XskSocket::create(options);
    }
    REQUIRE_MESSAGE(made.ok(), made.error().what);
    socket = std::move(*made);
    REQUIRE(program->set_socket(options.queue, socket->fd()));
  }
  void open() { open(options_for(veth, mode_)); }

  // Until `count` datagrams are there or nothing has come for a second.
  std::vector<Packet> receive(std::size_t count) {
    std::vector<Packet> got;
    pollfd ready{socket->fd(), POLLIN, 0};
    while (got.size() < count && poll(&ready, 1, 1000) == 1) receive_some(got);
    return got;
  }
  bool receive_some(std::vector<Packet>& got) {
    const bool all = socket->receive(buffers, *batch);
    CHECK(socket->statistics().chunks.is_conserved());
    for (std::size_t i = 0; i < batch->frame_count; ++i) {
      const Bytes bytes = batch->frames[i].bytes();
      got.emplace_back(bytes.begin(), bytes.end());
    }
    return all;
  }

  VethPair veth;
  std::optional<RedirectProgram> program;
  std::unique_ptr<XskSocket> socket;
  std::unique_ptr<ReceiveBatch> batch = std::make_unique<ReceiveBatch>();

 private:
  struct NoBuffers final : ReceiveBuffers {};
  Mode mode_;
  NoBuffers buffers;
};

void in_both_modes(const std::function<void(Mode)>& body) {
  for (const Mode mode : {Mode::native, Mode::generic}) {
    CAPTURE(mode == Mode::native);
    in_own_namespace([&] { body(mode); });
  }
}

Packet frame_of(const PacketSpec& spec) {
  return build_frame(build_packet(spec));
}

}  // namespace

TEST_CASE("xsk: datagrams arrive whole and in order, over IPv4, IPv6 and behind tags") {
  XM_NEEDS_AF_XDP();
  in_both_modes([](Mode mode) {
    Lab lab(mode);
    lab.open();
    std::vector<Packet> sent;
    for (std::uint32_t i = 0; i < 300; ++i) {  // more than there are chunks
      const std::size_t length = 32 + 97 * i % 1400;
      PacketSpec spec = i % 2 == 0 ? udp_spec(length, i) : udp6_spec(length, i);
      sent.push_back(spec.payload);
      const Packet packet = build_packet(spec);
      REQUIRE(lab.veth.send(i % 3 == 0 ? build_frame(packet, {{0x88a8, 5}, {0x8100, 6}})
                                       : build_frame(packet)));
      if (i % 50 != 49) continue;
      CHECK(lab.receive(50) == sent);
      sent.clear();
    }
    CHECK(lab.batch->sources[0].path == ReceivePath::xdp);
    CHECK_FALSE(lab.socket->is_zero_copy());
    CHECK(lab.socket->note().empty());
    // A veth has none; in generic mode it was not asked for.
    CHECK(lab.socket->copy_reason() ==
          (mode == Mode::generic ? "" : "zero-copy is refused: Operation not supported"));
    CHECK(lab.socket->statistics().rx_dropped == 0);
  });
}

TEST_CASE("xsk: of damaged frames and martians nothing is delivered, all is counted") {
  XM_NEEDS_AF_XDP();
  in_both_modes([](Mode mode) {
    Lab lab(mode);
    lab.open();
    Packet damaged = build_packet(udp_spec());
    damaged[8] = 1;
    REQUIRE(lab.veth.send(build_frame(damaged)));
    PacketSpec martian = udp_spec();
    martian.source = "127.0.0.1";
    REQUIRE(lab.veth.send(frame_of(martian)));
    PacketSpec tcp = udp_spec();
    tcp.protocol = 6;
    REQUIRE(lab.veth.send(frame_of(tcp)));
    REQUIRE(lab.veth.send(frame_of(udp_spec())));
    ReceiveBatch all{};
    pollfd ready{lab.socket->fd(), POLLIN, 0};
    while (all.frame_count == 0 && poll(&ready, 1, 1000) == 1) {
      std::vector<Packet> got;
      lab.receive_some(got);
      all.frame_count += lab.batch->frame_count;
      all.outer_checksum += lab.batch->outer_checksum;
      all.outer_martian += lab.batch->outer_martian;
      all.outer_malformed += lab.batch->outer_malformed;
    }
    CHECK(all.frame_count == 1);
    CHECK(all.outer_checksum == 1);
    CHECK(all.outer_martian == 1);
    CHECK(all.outer_malformed == 1);
  });
}

TEST_CASE("xsk: when nobody receives for a while chunks run out, and nothing more is wrong") {
  XM_NEEDS_AF_XDP();
  in_both_modes([](Mode mode) {
    Lab lab(mode);
    lab.open();
    for (int round = 0; round < 3; ++round) {
      for (std::uint32_t i = 0; i < 1000; ++i) (void)lab.veth.send(frame_of(udp_spec(64, i)));
      // What was lent by the last round's receive comes back with the next one.
      std::vector<Packet> got = lab.receive(128);
      while (!lab.receive_some(got)) continue;
      CHECK(got.size() >= 128);
      CHECK(got.size() <= 256);
      const XskStatistics statistics = lab.socket->statistics();
      CHECK(statistics.rx_fill_ring_empty_descs + statistics.rx_dropped > 0);
      CHECK(statistics.rx_ring_full == 0);
      CHECK(statistics.receive_ring_filled == 0);
    }
    REQUIRE(lab.veth.send(frame_of(udp_spec(99, 7))));
    CHECK(lab.receive(1) == std::vector<Packet>{udp_spec(99, 7).payload});
    const XskStatistics statistics = lab.socket->statistics();
    CHECK(statistics.bad_descriptors == 0);
    CHECK(statistics.rx_invalid_descs == 0);
    CHECK(statistics.chunks.total == 256);
    CHECK(statistics.fill_ring_size == 256);
    CHECK(statistics.fill_ring_filled > 0);
  });
}

TEST_CASE("xsk: a closed socket has all its chunks back, and its queue can be had again at once") {
  XM_NEEDS_AF_XDP();
  in_both_modes([](Mode mode) {
    Lab lab(mode);
    for (std::uint32_t round = 0; round < 5; ++round) {
      lab.open();
      for (std::uint32_t i = 0; i < 20; ++i) REQUIRE(lab.veth.send(frame_of(udp_spec(40, i))));
      CHECK(lab.receive(10).size() >= 10);
      lab.socket->close();
      CHECK(lab.socket->fd() == -1);
      const XskStatistics statistics = lab.socket->statistics();
      CHECK(statistics.chunks.held == 256);
      CHECK(statistics.chunks.with_kernel == 0);
      std::vector<Packet> got;
      CHECK(lab.receive_some(got));
      CHECK(got.empty());
    }
  });
}

TEST_CASE("xsk: every receive queue has a socket of its own") {
  XM_NEEDS_AF_XDP();
  in_both_modes([](Mode mode) {
    Lab lab(mode, 2);
    XskOptions options = options_for(lab.veth, mode);
    lab.open(options);
    const std::unique_ptr<XskSocket> first = std::move(lab.socket);
    options.queue = 1;
    lab.open(options);
    CHECK(first->options().queue == 0);
    CHECK(lab.socket->options().queue == 1);
    const auto third = XskSocket::create(options);
    REQUIRE_FALSE(third.ok());
    CHECK(third.error().os_errno == EBUSY);
    CHECK(third.error().what.find("receive queue 1 of xmnear: another socket has it") !=
          std::string::npos);
  });
}

TEST_CASE("xsk: what cannot be had is an error that says so") {
  XM_NEEDS_AF_XDP();
  in_own_namespace([] {
    VethPair veth;
    const XskOptions good = options_for(veth, Mode::native);
    const auto error_of = [](const XskOptions& options) {
      const auto made = XskSocket::create(options);
      REQUIRE_FALSE(made.ok());
      return made.error();
    };
    XskOptions bad = good;
    bad.queue = 5;
    CHECK(error_of(bad).what.find("there is no such queue") != std::string::npos);
    bad = good;
    bad.interface_index = 12345;
    CHECK(error_of(bad).os_errno == ENODEV);
    bad = good;
    bad.zero_copy = ZeroCopy::required;
    CHECK(error_of(bad).what.find("no zero-copy") != std::string::npos);
    bad = good;
    bad.chunk_size = 1024;
    CHECK(error_of(bad).what.find("2048 or 4096, got 1024") != std::string::npos);
    bad = good;
    bad.chunks = 100;
    CHECK(error_of(bad).what.find("at least 128 UMEM chunks, got 100") != std::string::npos);
    bad = good;
    bad.fill_ring = 100;
    CHECK(error_of(bad).what.find("power of two entries, got 100") != std::string::npos);
  });
}

TEST_CASE("xsk: chunks are as large as the MTU needs") {
  XM_NEEDS_AF_XDP();
  in_both_modes([](Mode mode) {
    Lab lab(mode);
    XskOptions options = options_for(lab.veth, mode);
    options.mtu = 1770;
    lab.open(options);
    CHECK(lab.socket->options().chunk_size == 2048);
    CHECK(lab.socket->largest_frame() == 1792);
    lab.socket.reset();
    options.mtu = 1771;
    REQUIRE(set_interface_mtu(lab.veth.near, 3500));
    REQUIRE(set_interface_mtu(lab.veth.far, 3500));
    lab.open(options);
    CHECK(lab.socket->options().chunk_size == 4096);
    CHECK(lab.socket->largest_frame() == 3840);
    const PacketSpec spec = udp_spec(3400, 3);
    REQUIRE(lab.veth.send(frame_of(spec)));
    CHECK(lab.receive(1) == std::vector<Packet>{spec.payload});
  });
}

TEST_CASE("xsk: a low limit on locked memory makes the UMEM smaller, a lower one is an error") {
  XM_NEEDS_AF_XDP();
  in_own_namespace([] {
    VethPair veth;
    rlimit before{};
    REQUIRE(getrlimit(RLIMIT_MEMLOCK, &before) == 0);
    // The limit binds only without the capability; this thread ends with the case.
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> capabilities{};
    REQUIRE(syscall(SYS_capget, &header, capabilities.data()) == 0);
    capabilities[0].effective &= ~(1U << CAP_IPC_LOCK);
    REQUIRE(syscall(SYS_capset, &header, capabilities.data()) == 0);
    const auto create_with = [&](rlim_t bytes) {
      rlimit limit = before;
      limit.rlim_cur = bytes;
      setrlimit(RLIMIT_MEMLOCK, &limit);
      XskOptions options = options_for(veth, Mode::native);
      options.chunks = 1024;
      auto made = XskSocket::create(options);
      setrlimit(RLIMIT_MEMLOCK, &before);
      return made;
    };
    {
      const auto smaller = create_with(1U << 20);
      REQUIRE_MESSAGE(smaller.ok(), smaller.error().what);
      CHECK(smaller.value()->options().chunks < 1024);
      CHECK(smaller.value()->note().find("1024 KiB, allows for") != std::string::npos);
      CHECK(smaller.value()->statistics().chunks.with_kernel == smaller.value()->options().chunks);
    }
    const auto none = create_with(4096);
    REQUIRE_FALSE(none.ok());
    CHECK(none.error().what.find("ulimit -l") != std::string::npos);
  });
}

TEST_CASE("xsk: a worker's I/O of either kind tells of what waits until it is received") {
  XM_NEEDS_AF_XDP();
  in_both_modes([](Mode mode) {
    PairTun tun;
    std::vector<std::unique_ptr<PathIo>> kinds;
    auto calls = SyscallIo::create(tun);
    REQUIRE(calls.ok());
    kinds.push_back(std::move(*calls));
    if (auto ring = UringIo::create(tun, {}); ring.ok()) kinds.push_back(std::move(*ring));
    Lab lab(mode);
    for (const auto& io : kinds) {
      lab.open();
      io->begin();
      const auto receiver = io->add(*lab.socket, PathIo::kFirstSocket);
      REQUIRE(receiver.ok());
      CHECK(receiver.value() == lab.socket.get());
      CHECK(io->wait(0ns).empty());
      for (std::uint32_t i = 0; i < 2; ++i) {
        REQUIRE(lab.veth.send(frame_of(udp_spec(64, i))));
        for (int again = 0; again < 2; ++again) {
          const auto ready = io->wait(1s);
          REQUIRE(ready.size() == 1);
          CHECK(ready[0] == PathIo::kFirstSocket);
        }
        std::vector<Packet> got;
        CHECK(lab.receive_some(got));
        CHECK(got == std::vector<Packet>{udp_spec(64, i).payload});
        CHECK(io->wait(0ns).empty());
      }
      io->stop(PathIo::kFirstSocket);
      REQUIRE(lab.veth.send(frame_of(udp_spec(64, 9))));
      CHECK(io->wait(10ms).empty());
      CHECK(lab.receive(1).size() == 1);
      io->remove(PathIo::kFirstSocket);
      io->end();
      lab.socket.reset();
    }
  });
}
