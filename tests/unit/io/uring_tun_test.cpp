// The TUN queue by io_uring: a socket pair, one that refuses, or the kernel's own device.
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include "agent/io/tun_device.hpp"
#include "agent/io/uring_io.hpp"
#include "tests/unit/io/uring_lab.hpp"
#include "xdpmesh/log.hpp"

using namespace xm;
using Ring = test::UringLab;
using test::Datagrams;
using test::tokens;

namespace {

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

}  // namespace

TEST_CASE("io_uring: a TUN queue is read and written in order") {
  XM_NEEDS_IO_URING();
  test::in_own_namespace([] {
    for (const bool header : {true, false}) {  // without one it is polled and written by the queue
      CAPTURE(header);
      UringIoOptions options;
      options.vnet_header = header;
      Ring ring(options);
      ring.io->begin();
      const Datagrams packets = test::numbered_datagrams(100);
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

      Datagrams data = test::numbered_datagrams(100);
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
