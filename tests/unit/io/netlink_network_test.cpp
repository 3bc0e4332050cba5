// On a TUN device in a namespace of the test's own; ip(8) is the witness.
#include "agent/io/netlink_network.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>

#include "agent/io/tun_device.hpp"
#include "tests/support/skip.hpp"
#include "tests/unit/io/own_namespace.hpp"

using namespace xm;

namespace {

// What `ip ARGUMENTS` prints in the calling thread's namespace.
std::string ip(const std::string& arguments) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(
      popen(("ip " + arguments + " 2>&1").c_str(), "r"), pclose);
  std::string text;
  std::array<char, 512> piece{};
  while (std::fgets(piece.data(), piece.size(), pipe.get()) != nullptr) text += piece.data();
  return text;
}

bool has(const std::string& text, const std::string& words) {
  return text.find(words) != std::string::npos;
}

IpAddress address(const char* text) {
  return *IpAddress::parse(text);
}
Prefix prefix(const char* text) {
  return *Prefix::parse(text);
}

struct Lab {
  Lab() : tun(TunDevice::open("xmtun", 1)), network(NetlinkNetwork::open("xmtun")) {
    REQUIRE_MESSAGE(tun.ok(), tun.error().what);
    REQUIRE_MESSAGE(network.ok(), network.error().what);
  }
  [[nodiscard]] NetlinkNetwork& operator*() { return *network; }
  NetlinkNetwork* operator->() { return &network.value(); }

  Result<TunDevice> tun;
  Result<NetlinkNetwork> network;
};

void in_lab(const std::function<void(Lab&)>& body) {
  test::in_own_namespace([&] {
    Lab lab;
    body(lab);
  });
}

void check_ok(const Status& status) {
  CHECK_MESSAGE(status.ok(), (status.ok() ? "" : status.error().what));
}

// Without the link-local address, which the kernel makes in its own time.
std::string our_addresses() {
  return ip("addr show dev xmtun scope global");
}

std::string our_routes() {
  return ip("-4 route show table all proto 120") + ip("-6 route show table all proto 120");
}

}  // namespace

TEST_CASE("netlink network brings the interface up and sets its MTU, as often as it is asked") {
  XM_NEEDS_TUN();
  in_lab([](Lab& lab) {
    for (int round = 0; round < 2; ++round) {
      check_ok(lab->set_mtu(1380));
      check_ok(lab->bring_up());
      CHECK(test::interface_mtu("xmtun") == 1380);
      CHECK(has(ip("link show xmtun"), ",UP"));
    }
    const Status refused = lab->set_mtu(10);
    REQUIRE_FALSE(refused.ok());
    CHECK(has(refused.error().what, "cannot set the MTU of xmtun to 10"));
  });
}

TEST_CASE("netlink network makes the addresses exactly those that are wanted") {
  XM_NEEDS_TUN();
  in_lab([](Lab& lab) {
    check_ok(lab->bring_up());
    check_ok(lab->set_addresses({address("100.64.1.2"), address("fd00::2"), address("10.9.9.9")}));
    const std::string before = our_addresses();
    CHECK(has(before, "inet 100.64.1.2/32"));
    CHECK(has(before, "inet 10.9.9.9/32"));
    CHECK(has(before, "inet6 fd00::2/128"));
    CHECK(has(before, "nodad"));
    CHECK_FALSE(has(before, "tentative"));
    // None of them brings a route along.
    CHECK_FALSE(has(ip("-6 route show dev xmtun"), "fd00::2"));
    check_ok(lab->set_addresses({address("fd00::2"), address("100.64.1.3")}));
    const std::string after = our_addresses();
    CHECK_FALSE(has(after, "100.64.1.2/"));
    CHECK_FALSE(has(after, "10.9.9.9"));
    CHECK(has(after, "inet 100.64.1.3/32"));
    CHECK(has(after, "inet6 fd00::2/128"));
    check_ok(lab->set_addresses({address("fd00::2"), address("100.64.1.3")}));
    CHECK(our_addresses() == after);
    check_ok(lab->set_addresses({}));
    CHECK_FALSE(has(ip("-4 addr show xmtun"), "inet"));
  });
}

TEST_CASE("netlink network leaves the addresses of others, also one that it wanted too") {
  XM_NEEDS_TUN();
  in_lab([](Lab& lab) {
    ip("addr add 192.0.2.1/24 dev xmtun");
    ip("addr add 192.0.2.7/32 dev xmtun");
    check_ok(lab->set_addresses({address("192.0.2.7"), address("10.0.0.1")}));
    check_ok(lab->set_addresses({}));
    const std::string after = ip("addr show xmtun");
    CHECK(has(after, "192.0.2.1/24"));
    CHECK(has(after, "192.0.2.7/32"));
    CHECK_FALSE(has(after, "10.0.0.1"));
  });
}

TEST_CASE(
    "netlink network makes the routes exactly those that are wanted, default routes included") {
  XM_NEEDS_TUN();
  in_lab([](Lab& lab) {
    check_ok(lab->bring_up());
    check_ok(lab->set_routes({prefix("10.1.0.0/16"), prefix("0.0.0.0/0"), prefix("::/0"),
                              prefix("fd01::/64"), prefix("10.2.0.1/32")}));
    CHECK(has(ip("-4 route show"), "10.1.0.0/16 dev xmtun proto 120 scope link metric 2048"));
    CHECK(has(ip("-4 route show table 30829"), "default dev xmtun proto 120"));
    CHECK(has(ip("-4 route show"), "10.2.0.1 dev xmtun proto 120"));
    CHECK(has(ip("-6 route show"), "fd01::/64 dev xmtun proto 120 metric 2048"));
    CHECK(has(ip("-6 route show table 30829"), "default dev xmtun proto 120"));
    check_ok(lab->set_routes({prefix("10.1.0.0/16"), prefix("fd02::/64")}));
    const std::string after = our_routes();
    CHECK(has(after, "10.1.0.0/16"));
    CHECK(has(after, "fd02::/64"));
    CHECK_FALSE(has(after, "default"));
    CHECK_FALSE(has(after, "fd01::/64"));
    CHECK_FALSE(has(after, "10.2.0.1"));
    check_ok(lab->set_routes({prefix("10.1.0.0/16"), prefix("fd02::/64")}));
    CHECK(our_routes() == after);
    check_ok(lab->remove_all());
    CHECK(our_routes().empty());
  });
}

TEST_CASE("netlink network lets its default route win, but not for what is marked as ours") {
  XM_NEEDS_TUN();
  in_lab([](Lab& lab) {
    REQUIRE(ip("link set lo up").empty());
    REQUIRE(ip("link add xmother type veth peer name xmpeer").empty());
    REQUIRE(ip("link set xmother up").empty());
    REQUIRE(ip("link set xmpeer up").empty());
    REQUIRE(ip("addr add 192.0.2.1/24 dev xmother").empty());
    REQUIRE(ip("route add default via 192.0.2.254").empty());
    check_ok(lab->bring_up());
    const std::string rules = ip("-4 rule show") + ip("-6 rule show");
    const auto goes = [](const std::string& how) { return ip("route get " + how); };
    for (int round = 0; round < 2; ++round) {
      check_ok(lab->set_routes({prefix("0.0.0.0/0"), prefix("::/0"), prefix("10.1.0.0/16")}));
      CHECK(has(goes("203.0.113.1"), "dev xmtun"));
      CHECK(has(goes("203.0.113.1 mark 0x306d"), "dev xmother"));
      CHECK(has(goes("192.0.2.7"), "dev xmother"));  // what the machine is connected to
      CHECK(has(goes("10.1.0.1 mark 0x306d"), "dev xmtun"));
      CHECK(has(ip("-6 rule show"), "lookup main suppress_prefixlength 0 proto 120"));
      // Others may take them away: they are made again.
      REQUIRE(ip("-4 rule del pref 30000").empty());
      REQUIRE(ip("-6 rule del pref 30001").empty());
    }
    check_ok(lab->set_routes({prefix("0.0.0.0/0"), prefix("::/0")}));
    // A crashed agent's: the next one finds them.
    auto next = NetlinkNetwork::open("xmtun");
    REQUIRE(next.ok());
    check_ok(next->set_routes({prefix("::/0")}));
    CHECK(has(goes("203.0.113.1"), "dev xmother"));
    CHECK(has(ip("-6 rule show"), "not from all fwmark 0x306d lookup 30829 proto 120"));
    CHECK_FALSE(has(ip("-4 rule show"), "30829"));
    check_ok(next->remove_all());
    CHECK(ip("-4 rule show") + ip("-6 rule show") == rules);
  });
}

TEST_CASE("netlink network: there is one default route; whose it is keeps the rules") {
  XM_NEEDS_TUN();
  in_lab([](Lab& lab) {
    check_ok(lab->bring_up());
    REQUIRE(ip("link set lo up").empty());
    REQUIRE(ip("route add default dev lo table 30829 metric 2048").empty());
    const Status second = lab->set_routes({prefix("0.0.0.0/0")});
    REQUIRE_FALSE(second.ok());
    CHECK(has(second.error().what, "(ip route show table 30829)"));
    check_ok(lab->remove_all());
    CHECK(has(ip("rule show"), "lookup 30829"));
    REQUIRE(ip("route del default dev lo table 30829").empty());
    auto next = NetlinkNetwork::open("xmtun");
    REQUIRE(next.ok());
    check_ok(next->set_routes({}));
    CHECK_FALSE(has(ip("rule show"), "lookup 30829"));
  });
}

TEST_CASE("netlink network touches no route of others and says which one is in the way") {
  XM_NEEDS_TUN();
  in_lab([](Lab& lab) {
    check_ok(lab->bring_up());
    REQUIRE(ip("route add 10.3.0.0/16 dev xmtun proto 121 metric 2048").empty());
    REQUIRE(ip("route add 10.4.0.0/16 dev xmtun").empty());
    REQUIRE(ip("route add 10.5.0.0/16 dev lo proto 120 metric 2048").empty());
    const Status set = lab->set_routes(
        {prefix("10.3.0.0/16"), prefix("10.4.0.0/16"), prefix("10.5.0.0/16"), prefix("fd03::/64")});
    REQUIRE_FALSE(set.ok());
    CHECK(set.error().os_errno == EEXIST);
    CHECK(has(set.error().what, "10.3.0.0/16 through xmtun: expected none with metric 2048"));
    CHECK(has(set.error().what, "(and 1 more)"));
    CHECK(has(our_routes(), "fd03::/64"));  // set all the same
    check_ok(lab->remove_all());
    CHECK(has(ip("route show"), "10.3.0.0/16 dev xmtun proto 121"));
    CHECK(has(ip("route show"), "10.4.0.0/16 dev xmtun scope link"));
    CHECK(has(ip("route show"), "10.5.0.0/16 dev lo proto 120"));
    CHECK_FALSE(has(our_routes(), "xmtun"));
  });
}

TEST_CASE("netlink network adopts what a crashed agent left") {
  XM_NEEDS_TUN();
  in_lab([](Lab& lab) {
    check_ok(lab->bring_up());
    check_ok(lab->set_addresses({address("100.64.1.2"), address("fd00::2")}));
    check_ok(lab->set_routes({prefix("10.1.0.0/16"), prefix("fd01::/64")}));
    auto next = NetlinkNetwork::open("xmtun");
    REQUIRE(next.ok());
    check_ok(next->set_addresses({address("fd00::2")}));
    check_ok(next->set_routes({prefix("fd01::/64"), prefix("10.7.0.0/16")}));
    const std::string addresses = ip("addr show xmtun");
    if (has(addresses, "proto")) CHECK_FALSE(has(addresses, "100.64.1.2"));
    CHECK(has(addresses, "fd00::2/128"));
    CHECK(has(our_routes(), "10.7.0.0/16"));
    CHECK_FALSE(has(our_routes(), "10.1.0.0/16"));
    check_ok(next->remove_all());
    CHECK(our_routes().empty());
  });
}

TEST_CASE("netlink network says what was refused") {
  XM_NEEDS_TUN();
  in_lab([](Lab& lab) {
    const Status down = lab->set_routes({prefix("10.1.0.0/16")});
    REQUIRE_FALSE(down.ok());
    CHECK(has(down.error().what, "cannot add the route 10.1.0.0/16 through xmtun: "));
    CHECK(down.error().os_errno == ENETDOWN);
    check_ok(lab->bring_up());
    REQUIRE(std::system("echo 1 >/proc/sys/net/ipv6/conf/xmtun/disable_ipv6") == 0);
    const Status off = lab->set_addresses({address("fd00::2"), address("100.64.1.2")});
    REQUIRE_FALSE(off.ok());
    CHECK(has(off.error().what, "cannot add the address fd00::2 to xmtun"));
    CHECK(has(off.error().what, "disable_ipv6"));
    CHECK(has(ip("addr show xmtun"), "100.64.1.2/32"));
    REQUIRE(test::delete_interface("xmtun"));
    CHECK_FALSE(lab->bring_up().ok());
    CHECK_FALSE(lab->set_routes({prefix("10.1.0.0/16")}).ok());
  });
  test::in_own_namespace([] {
    const auto missing = NetlinkNetwork::open("xm-none");
    REQUIRE_FALSE(missing.ok());
    CHECK(has(missing.error().what, "cannot find the interface xm-none"));
  });
}
