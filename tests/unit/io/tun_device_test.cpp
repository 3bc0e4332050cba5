// On the kernel's own TUN devices, inside a namespace of the test's.
#include "agent/io/tun_device.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "agent/io/datagram_socket.hpp"
#include "agent/io/rtnetlink.hpp"
#include "agent/wire/vnet.hpp"
#include "tests/support/skip.hpp"
#include "tests/unit/io/own_namespace.hpp"

using namespace xm;

namespace {

// A TUN descriptor as another program would make it; -1 when the kernel refuses.
Fd raw_tun(const std::string& name, int flags) {
  Fd fd(open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_flags = static_cast<short>(flags);
  return ioctl(fd.get(), TUNSETIFF, &request) == 0 ? std::move(fd) : Fd();
}

std::uint32_t gso_max_size_of(const std::string& name) {
  auto socket = RouteSocket::open(0);
  alignas(nlmsghdr) std::array<char, 256> buffer{};
  nlmsghdr* message = mnl_nlmsg_put_header(buffer.data());
  message->nlmsg_type = RTM_GETLINK;
  mnl_nlmsg_put_extra_header(message, sizeof(ifinfomsg));
  mnl_attr_put_strz(message, IFLA_IFNAME, name.c_str());
  std::uint32_t size = 0;
  CHECK(socket
            ->request(*message, "get",
                      [&](const nlmsghdr& answer, std::int32_t) {
                        for_each_attribute(answer, sizeof(ifinfomsg), [&](const nlattr& attribute) {
                          if (mnl_attr_get_type(&attribute) == IFLA_GSO_MAX_SIZE) {
                            size = mnl_attr_get_u32(&attribute);
                          }
                        });
                      })
            .ok());
  return size;
}

// An IPv6 packet of 8 payload bytes, next header 59 (none): the kernel takes it and is silent.
std::vector<std::uint8_t> silent_packet() {
  std::vector<std::uint8_t> packet(48);
  packet[0] = 0x60;
  packet[5] = 8;
  packet[6] = 59;
  packet[7] = 64;
  packet[8] = packet[24] = 0xfd;
  return packet;
}

TunIo write_packet(TunQueue& queue, std::vector<std::uint8_t> packet) {
  VnetHeader header;
  const std::array<iovec, 2> pieces{iovec{&header, sizeof header},
                                    iovec{packet.data(), packet.size()}};
  return queue.write(pieces);
}

// Reads until a packet of IP version `version` comes, as the kernel chatters of its own; empty
// after a second.
std::vector<std::uint8_t> read_packet(TunQueue& queue, int version) {
  pollfd readable{queue.fd(), POLLIN, 0};
  while (poll(&readable, 1, 1000) > 0) {
    const TunRead got = queue.read();
    if (got.state != TunIo::done) break;
    if (got.packet[kVnetHeaderSize] >> 4 != version) continue;
    return {got.packet.begin(), got.packet.end()};
  }
  return {};
}

// Makes the kernel send one UDP datagram into the device.
bool send_into(const std::string& name, std::size_t length) {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM, 0));
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  auto& address = reinterpret_cast<sockaddr_in&>(request.ifr_addr);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(0x0a000001);
  if (ioctl(socket.get(), SIOCSIFADDR, &request) != 0) return false;
  address.sin_addr.s_addr = htonl(0x0a000002);
  if (ioctl(socket.get(), SIOCSIFDSTADDR, &request) != 0) return false;
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(9);
  to.sin_addr.s_addr = htonl(0x0a000002);
  const std::vector<char> data(length);
  return sendto(socket.get(), data.data(), length, 0, reinterpret_cast<sockaddr*>(&to),
                sizeof to) == static_cast<ssize_t>(length);
}

}  // namespace

TEST_CASE("gso_max_size makes one read one send") {
  constexpr std::uint32_t kReserve = 321;  // what TCP keeps below it
  CHECK(gso_max_size_for_mtu(1420) == 61'612 - 52 + kReserve);
  for (std::uint32_t mtu = 104; mtu <= 65'000; mtu += mtu < 2000 ? 1 : 97) {
    CAPTURE(mtu);
    const std::uint32_t size = gso_max_size_for_mtu(mtu);
    const std::uint32_t segments = (size - kReserve) / (mtu - 52);
    CHECK(size <= 65'536);
    CHECK(segments <= kMaxSegments);
    CHECK(segments * (mtu + 32) <= kMaxUdpPayload);
    CHECK((segments == kMaxSegments || (segments + 1) * (mtu + 32) > kMaxUdpPayload));
  }
  for (const std::uint32_t mtu : {0U, 68U, 65'535U, 4'000'000'000U}) {
    CHECK(gso_max_size_for_mtu(mtu) > 0);
    CHECK(gso_max_size_for_mtu(mtu) <= 65'536);
  }
}

TEST_CASE("interface names") {
  for (const char* good : {"wg0", "a", "fifteen-letters", "wg%d", "höhe"}) {
    CAPTURE(good);
    CHECK(check_interface_name(good).ok());
  }
  CHECK(check_interface_name("sixteen-letters!").error().os_errno == ENAMETOOLONG);
  for (const char* bad : {"", ".", "..", "a/b", "a b", "a:b", "a\nb"}) {
    CAPTURE(bad);
    CHECK(check_interface_name(bad).error().os_errno == EINVAL);
  }
}

TEST_CASE("a new device has its queues, MTU and offloads, and goes with its owner") {
  XM_NEEDS_TUN();
  test::in_own_namespace([] {
    {
      auto device = TunDevice::open("xmt0", 3);
      REQUIRE_MESSAGE(device.ok(), device.error().what);
      CHECK(device->name() == "xmt0");
      CHECK(device->queue_count() == 3);
      CHECK(device->capabilities().vnet_header);
      CHECK(device->capabilities().multi_queue);
      CHECK(device->capabilities().tso4);
      CHECK(device->capabilities().tso6);
      CHECK(device->capabilities().uso4 == device->capabilities().uso6);
      CHECK(test::interface_mtu("xmt0") == 1420);
      REQUIRE(device->fit_gso_to_mtu("xmt0", 1420).ok());
      CHECK(gso_max_size_of("xmt0") == gso_max_size_for_mtu(1420));
      REQUIRE(device->fit_gso_to_mtu("xmt0", 8920).ok());
      CHECK(gso_max_size_of("xmt0") == gso_max_size_for_mtu(8920));
      CHECK_FALSE(device->fit_gso_to_mtu("xmt1", 1420).ok());
    }
    CHECK(if_nametoindex("xmt0") == 0);
  });
}

TEST_CASE("a name that is taken, by whomever, is a clear error") {
  XM_NEEDS_TUN();
  test::in_own_namespace([] {
    const Fd single = raw_tun("single", IFF_TUN | IFF_NO_PI);
    const Fd multi = raw_tun("multi", IFF_TUN | IFF_NO_PI | IFF_MULTI_QUEUE);
    const Fd tap = raw_tun("tap", IFF_TAP | IFF_NO_PI);
    REQUIRE((single && multi && tap));
    for (const char* name : {"single", "multi", "tap", "lo"}) {
      for (const unsigned queues : {1U, 2U}) {
        CAPTURE(name);
        const auto device = TunDevice::open(name, queues);
        REQUIRE_FALSE(device.ok());
        CHECK(device.error().os_errno == EBUSY);
        CHECK(device.error().what.find(std::string(name) + " is taken") != std::string::npos);
      }
    }
    CHECK_FALSE(TunDevice::open("sixteen-letters!", 1).ok());
  });
}

TEST_CASE("a persistent device is taken with the queues it has, and keeps its MTU") {
  XM_NEEDS_TUN();
  test::in_own_namespace([] {
    struct Row {
      const char* name;
      int flags;
      unsigned wanted;
      std::size_t queues;
    };
    for (const Row& row : {Row{"single", 0, 2, 1}, Row{"multi", IFF_MULTI_QUEUE, 2, 2},
                           Row{"one", IFF_MULTI_QUEUE, 1, 1}}) {
      CAPTURE(row.name);
      {
        const Fd maker = raw_tun(row.name, IFF_TUN | IFF_NO_PI | row.flags);
        REQUIRE(maker);
        REQUIRE(ioctl(maker.get(), TUNSETPERSIST, 1) == 0);
      }
      REQUIRE(test::set_interface_mtu(row.name, 1300));
      {
        auto device = TunDevice::open(row.name, row.wanted);
        REQUIRE_MESSAGE(device.ok(), device.error().what);
        CHECK(device->queue_count() == row.queues);
        CHECK(device->capabilities().vnet_header);
        CHECK(test::interface_mtu(row.name) == 1300);
      }
      CHECK(if_nametoindex(row.name) != 0);
    }
  });
}

TEST_CASE("a descriptor is taken over with the flags it has") {
  XM_NEEDS_TUN();
  test::in_own_namespace([] {
    auto plain = TunDevice::from_fd(raw_tun("plain", IFF_TUN | IFF_NO_PI), 4);
    REQUIRE_MESSAGE(plain.ok(), plain.error().what);
    CHECK(plain->name() == "plain");
    CHECK(plain->queue_count() == 1);
    CHECK_FALSE(plain->capabilities().vnet_header);
    CHECK_FALSE(plain->capabilities().tso4);

    auto full = TunDevice::from_fd(
        raw_tun("full", IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE), 4);
    REQUIRE_MESSAGE(full.ok(), full.error().what);
    CHECK(full->queue_count() == 4);
    CHECK(full->capabilities().tso6);

    CHECK_FALSE(TunDevice::from_fd(raw_tun("info", IFF_TUN), 1).ok());
    CHECK_FALSE(TunDevice::from_fd(raw_tun("tap", IFF_TAP | IFF_NO_PI), 1).ok());
    CHECK_FALSE(TunDevice::from_fd(Fd(open("/dev/null", O_RDWR)), 1).ok());
  });
}

TEST_CASE("no further queue is opened for a descriptor of another namespace") {
  XM_NEEDS_TUN();
  test::in_own_namespace([] {
    Fd fd = raw_tun("xmt0", IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE);
    REQUIRE(fd);
    test::in_own_namespace([&] {
      auto device = TunDevice::from_fd(std::move(fd), 4);
      REQUIRE(device.ok());
      CHECK(device->queue_count() == 1);
      CHECK(if_nametoindex("xmt0") == 0);
    });
  });
}

TEST_CASE("packets pass a queue with and without the device's virtio header alike") {
  XM_NEEDS_TUN();
  test::in_own_namespace([] {
    for (const int vnet : {0, int{IFF_VNET_HDR}}) {
      CAPTURE(vnet);
      auto device = TunDevice::from_fd(raw_tun("xmt0", IFF_TUN | IFF_NO_PI | vnet), 1);
      REQUIRE(device.ok());
      TunQueue& queue = device->queue(0);
      CHECK(queue.read().state == TunIo::would_block);
      CHECK(write_packet(queue, silent_packet()) == TunIo::down);
      REQUIRE(test::set_up("xmt0", true));
      CHECK(write_packet(queue, silent_packet()) == TunIo::done);
      CHECK(write_packet(queue, {0xff, 0xff}) == TunIo::failed);

      REQUIRE(send_into("xmt0", 100));
      const auto packet = read_packet(queue, 4);
      REQUIRE(packet.size() == kVnetHeaderSize + 20 + 8 + 100);
      VnetHeader header;
      std::memcpy(&header, packet.data(), sizeof header);
      CHECK(header.gso_type == kVnetGsoNone);
    }
  });
}

TEST_CASE("a deleted device is gone for reading and writing") {
  XM_NEEDS_TUN();
  test::in_own_namespace([] {
    auto device = TunDevice::open("xmt0", 2);
    REQUIRE(device.ok());
    REQUIRE(test::delete_interface("xmt0"));
    for (std::size_t i = 0; i < 2; ++i) {
      CHECK(device->queue(i).read().state == TunIo::gone);
      CHECK(write_packet(device->queue(i), silent_packet()) == TunIo::gone);
    }
  });
}
