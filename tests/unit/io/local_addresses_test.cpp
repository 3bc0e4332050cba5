#include "agent/io/local_addresses.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "agent/io/netlink_network.hpp"
#include "tests/support/veth_pair.hpp"

namespace xm {

TEST_CASE("local addresses: those of interfaces that are up, without loopback and the tunnel") {
  XM_NEEDS_NAMESPACES();
  test::in_own_namespace([] {
    const auto loopback = local_addresses();
    REQUIRE(loopback.ok());
    CHECK(loopback.value().empty());

    const test::VethPair veth;
    auto network = NetlinkNetwork::open(veth.near);
    REQUIRE(network.ok());
    const IpAddress address = *IpAddress::parse("192.0.2.7");
    REQUIRE(network->set_addresses({address}).ok());
    const auto has = [&](const Result<std::vector<LocalAddress>>& list) {
      REQUIRE(list.ok());
      return std::any_of(list.value().begin(), list.value().end(), [&](const LocalAddress& one) {
        return one.address == address && one.network == Prefix::of(address, 32) &&
               one.interface == veth.near;
      });
    };
    CHECK(has(local_addresses()));
    CHECK(has(local_addresses(veth.far)));
    CHECK_FALSE(has(local_addresses(veth.near)));
    REQUIRE(test::set_up(veth.near, false));
    CHECK_FALSE(has(local_addresses()));
  });
}

TEST_CASE("own addresses: sorted, of all interfaces that are up, without link-local ones") {
  XM_NEEDS_NAMESPACES();
  test::in_own_namespace([] {
    const test::VethPair veth;
    auto network = NetlinkNetwork::open(veth.near);
    auto loopback = NetlinkNetwork::open("lo");
    REQUIRE(network.ok());
    REQUIRE(loopback.ok());
    const IpAddress last = *IpAddress::parse("2001:db8::7");
    const IpAddress first = *IpAddress::parse("192.0.2.7");
    const IpAddress of_loopback = *IpAddress::parse("198.51.100.7");
    REQUIRE(network->set_addresses({last, first, *IpAddress::parse("fe80::7")}).ok());
    REQUIRE(loopback->set_addresses({of_loopback}).ok());
    const auto has = [&](const IpAddress& address) {
      const auto found = own_addresses();
      REQUIRE(found.ok());
      CHECK(std::ranges::is_sorted(found.value()));
      return std::ranges::binary_search(found.value(), address);
    };
    CHECK(has(first));
    CHECK(has(last));
    CHECK(has(of_loopback));
    CHECK_FALSE(has(*IpAddress::parse("fe80::7")));
    REQUIRE(test::set_up(veth.near, false));
    CHECK_FALSE(has(first));
    CHECK(has(of_loopback));
  });
}

}  // namespace xm
