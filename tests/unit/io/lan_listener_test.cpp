// In a namespace of the test's own, whose networks are veth pairs.
#include "agent/io/lan_listener.hpp"

#include <doctest/doctest.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "agent/io/netlink_network.hpp"
#include "tests/support/skip.hpp"
#include "tests/support/veth_pair.hpp"
#include "tests/unit/io/own_namespace.hpp"

using namespace xm;

namespace {

// Addresses that serve at once.
void skip_duplicate_detection() {
  std::ofstream("/proc/sys/net/ipv6/conf/default/accept_dad") << "0";
}

// Sends from this machine to a group on an interface, as soon as that has an address.
bool send_hello(const Endpoint& group, std::uint32_t interface, const std::string& text) {
  const bool v4 = group.address.is_v4();
  const Fd socket(::socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ip_mreqn by{};
  by.imr_ifindex = static_cast<int>(interface);
  if (v4) ::setsockopt(socket.get(), IPPROTO_IP, IP_MULTICAST_IF, &by, sizeof by);
  sockaddr_storage to{};
  const socklen_t length = group.to_sockaddr(to);
  for (int attempt = 0; attempt < 1000; ++attempt) {
    if (::sendto(socket.get(), text.data(), text.size(), 0, reinterpret_cast<sockaddr*>(&to),
                 length) == static_cast<ssize_t>(text.size())) {
      return true;
    }
    ::usleep(10'000);
  }
  return false;
}

bool readable(const LanListener& listener, int milliseconds) {
  pollfd wanted{listener.fd(), POLLIN, 0};
  return poll(&wanted, 1, milliseconds) == 1;
}

// The next datagram, waited for; what happens to the interfaces meanwhile is followed.
std::optional<LanDatagram> next(LanListener& listener) {
  for (int look = 0; look < 600; ++look) {
    if (!readable(listener, 100)) continue;
    (void)listener.refresh();
    if (auto datagram = listener.receive()) return datagram;
  }
  return std::nullopt;
}

std::string text_of(const LanDatagram& datagram) {
  return {reinterpret_cast<const char*>(datagram.payload.data()), datagram.payload.size()};
}

bool has(const LanListener& listener, const std::string& name) {
  return std::any_of(listener.interfaces().begin(), listener.interfaces().end(),
                     [&](const LanInterface& interface) { return interface.name == name; });
}

}  // namespace

TEST_CASE("lan listener: hears both groups, with source and interface, whoever else listens") {
  XM_NEEDS_NAMESPACES();
  test::in_own_namespace([] {
    skip_duplicate_detection();
    const test::VethPair pair;
    auto network = NetlinkNetwork::open(pair.near);
    REQUIRE(network.ok());
    REQUIRE(network->set_addresses({*IpAddress::parse("10.0.0.1")}).ok());
    auto opened = LanListener::open("xm-none");
    REQUIRE_MESSAGE(opened.ok(), opened.error().what);
    const auto other = LanListener::open("xm-none");
    REQUIRE_MESSAGE(other.ok(), other.error().what);
    LanListener& listener = *opened.value();
    CHECK(listener.fault().empty());
    CHECK(listener.interfaces().size() == 2);
    CHECK(has(listener, pair.near));
    CHECK_FALSE(has(listener, "lo"));

    REQUIRE(send_hello(lan_group_v4(), pair.near_index(), "four"));
    const auto four = next(listener);
    REQUIRE(four.has_value());
    CHECK(text_of(*four) == "four");
    CHECK(four->source.address == *IpAddress::parse("10.0.0.1"));
    CHECK(four->interface == pair.near_index());

    REQUIRE(send_hello(lan_group_v6(pair.near_index()), pair.near_index(), "six"));
    const auto six = next(listener);
    REQUIRE(six.has_value());
    CHECK(text_of(*six) == "six");
    CHECK(six->source.address.is_v6());
    CHECK(six->source.scope != 0);
    const auto again = next(*other.value());
    REQUIRE(again.has_value());
    CHECK(text_of(*again) == "four");
  });
}

TEST_CASE("lan listener: does not join its own tunnel and what is down, and hears no other group") {
  XM_NEEDS_NAMESPACES();
  test::in_own_namespace([] {
    skip_duplicate_detection();
    const test::VethPair pair;
    REQUIRE(test::set_up("lo", true));
    auto opened = LanListener::open(pair.near);
    REQUIRE(opened.ok());
    LanListener& listener = *opened.value();
    CHECK(listener.interfaces().size() == 1);
    CHECK(has(listener, pair.far));
    Endpoint other = lan_group_v6(if_nametoindex(pair.far.c_str()));
    for (const char* elsewhere : {"ff12::786e", "::1"}) {
      other.address = *IpAddress::parse(elsewhere);
      REQUIRE(send_hello(other, 0, "not to the group"));
    }
    const Endpoint ours = lan_group_v6(if_nametoindex(pair.far.c_str()));
    REQUIRE(send_hello(ours, 0, std::string(LanListener::kMaxDatagram + 1, 'x')));
    REQUIRE(send_hello(ours, 0, "ours"));
    const auto heard = next(listener);
    REQUIRE(heard.has_value());
    CHECK(text_of(*heard) == "ours");
  });
}

TEST_CASE("lan listener: follows interfaces that come, go down, come back and are deleted") {
  XM_NEEDS_NAMESPACES();
  test::in_own_namespace([] {
    skip_duplicate_detection();
    auto opened = LanListener::open("xm-none");
    REQUIRE(opened.ok());
    LanListener& listener = *opened.value();
    CHECK(listener.interfaces().empty());
    const test::VethPair pair;
    REQUIRE(readable(listener, 60'000));
    CHECK(listener.refresh());
    CHECK(has(listener, pair.near));
    REQUIRE(test::set_up(pair.near, false));
    CHECK(listener.refresh());
    CHECK_FALSE(has(listener, pair.near));
    CHECK_FALSE(listener.refresh());
    REQUIRE(test::set_up(pair.near, true));
    CHECK(listener.refresh());
    REQUIRE(has(listener, pair.near));
    REQUIRE(send_hello(lan_group_v6(pair.near_index()), 0, "back"));
    const auto back = next(listener);
    REQUIRE(back.has_value());
    CHECK(text_of(*back) == "back");
    REQUIRE(test::delete_interface(pair.near));
    CHECK(listener.refresh());
    CHECK(listener.interfaces().empty());
  });
}
