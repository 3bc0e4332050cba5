#include "agent/mesh/addresses.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <set>

#include "tests/unit/mesh/golden.hpp"
#include "tests/unit/mesh/samples.hpp"

namespace xm {
namespace {

using test::address;
using test::prefix;

// An identity that need not be a key.
Identity any_identity(std::uint32_t number) {
  return {test::array_of<32>(test::noise(32, number))};
}
Prefix host(const IpAddress& of) {
  return {of, static_cast<std::uint8_t>(of.bits())};
}

}  // namespace

TEST_CASE("addresses: they are what a released version computed") {
  const Identity identity = test::identity_number(1);
  CHECK(derive_ipv4("office", identity, 3, prefix("100.64.0.0/10")).to_string() + "\n" +
            derive_ipv6("office", identity).to_string() + "\n" +
            derive_ipv6_prefix("office").to_string() ==
        test::golden("addresses.txt"));
}

TEST_CASE("addresses: IPv4 lies in the prefix and is neither its first nor its last") {
  for (const char* text : {"10.1.2.0/28", "10.1.0.0/16", "100.64.0.0/10", "10.0.0.0/8"}) {
    const Prefix mesh = prefix(text);
    for (std::uint32_t salt = 0; salt < 500; ++salt) {
      const IpAddress derived = derive_ipv4("office", any_identity(1), salt, mesh);
      CHECK(mesh.contains(derived));
      CHECK(derived != mesh.address);
      const std::uint32_t hosts = (1U << (32 - mesh.length)) - 1;
      CHECK((load_be32(derived.octets.data()) & hosts) != hosts);
    }
  }
}

TEST_CASE("addresses: mesh, identity and salt all matter") {
  const Prefix mesh = prefix("10.0.0.0/8");
  const IpAddress one = derive_ipv4("office", any_identity(1), 0, mesh);
  CHECK(one == derive_ipv4("office", any_identity(1), 0, mesh));
  CHECK(one != derive_ipv4("lab", any_identity(1), 0, mesh));
  CHECK(one != derive_ipv4("office", any_identity(2), 0, mesh));
  CHECK(one != derive_ipv4("office", any_identity(1), 1, mesh));
}

TEST_CASE("addresses: IPv6 is a unique local address with 64 bits of the identity") {
  std::set<IpAddress> seen;
  for (std::uint32_t number = 0; number < 1000; ++number) {
    const IpAddress derived = derive_ipv6("office", any_identity(number));
    CHECK(derived.octets[0] == 0xfd);
    CHECK(derive_ipv6_prefix("office").contains(derived));
    seen.insert(derived);
  }
  CHECK(seen.size() == 1000);
  CHECK(derive_ipv6_prefix("office") != derive_ipv6_prefix("lab"));
}

TEST_CASE("addresses: of two that derived one address exactly one keeps it") {
  const IpAddress shared = address("10.0.0.7");
  int kept = 0;
  for (std::uint32_t i = 0; i < 100; ++i) {
    const bool mine = keeps_address(shared, any_identity(i), any_identity(i + 1000));
    CHECK(mine != keeps_address(shared, any_identity(i + 1000), any_identity(i)));
    kept += mine ? 1 : 0;
  }
  CHECK(kept > 20);  // it is no privilege of a low identity
  CHECK(kept < 80);
}

TEST_CASE("addresses: a new salt finds a free address, and a full prefix is said to be full") {
  const Prefix mesh = prefix("10.1.2.0/28");
  std::set<IpAddress> taken;
  for (std::uint32_t number = 0; number < 14; ++number) {
    const auto salt = free_salt("office", any_identity(number), 0, mesh,
                                [&](const IpAddress& a) { return taken.contains(a); });
    REQUIRE(salt.has_value());
    CHECK(taken.insert(derive_ipv4("office", any_identity(number), *salt, mesh)).second);
  }
  CHECK(free_salt("office", any_identity(14), 0, mesh,
                  [&](const IpAddress& a) { return taken.contains(a); }) == std::nullopt);
}

TEST_CASE("addresses: granted goes before derived, then the lower identity, and it is reported") {
  const Identity low = std::min(any_identity(1), any_identity(2));
  const Identity high = std::max(any_identity(1), any_identity(2));
  const Prefix wanted = prefix("10.9.0.1");
  // Derived by the lower, granted to the higher.
  AddressBook book = assign_addresses({{low, {wanted}, {}}, {high, {}, {wanted}}});
  CHECK(book.owners == std::vector<AddressOwner>{{wanted, high}});
  CHECK(book.conflicts == std::vector<AddressConflict>{{wanted, high, low}});
  // Granted to both.
  book = assign_addresses({{high, {}, {wanted}}, {low, {}, {wanted}}});
  CHECK(book.owners == std::vector<AddressOwner>{{wanted, low}});
  CHECK(book.conflicts == std::vector<AddressConflict>{{wanted, low, high}});
  // Granted and derived by one: no conflict.
  book = assign_addresses({{low, {wanted}, {wanted}}});
  CHECK(book.owners == std::vector<AddressOwner>{{wanted, low}});
  CHECK(book.conflicts.empty());
}

TEST_CASE("addresses: the order of the claims makes no difference") {
  constexpr std::uint32_t kSeed = 4;
  CAPTURE(kSeed);
  std::mt19937 random(kSeed);
  const Prefix mesh = prefix("10.1.2.0/26");
  std::vector<AddressClaim> claims;
  for (std::uint32_t number = 0; number < 40; ++number) {
    const Identity identity = any_identity(number);
    AddressClaim claim{identity, {host(derive_ipv4("office", identity, 0, mesh))}, {}};
    if (number % 5 == 0) claim.granted.push_back(host(derive_ipv4("x", identity, 0, mesh)));
    if (number % 10 == 0) claim.granted.push_back(prefix("192.168.4.0/24"));
    claims.push_back(claim);
  }
  const AddressBook expected = assign_addresses(claims);
  CHECK_FALSE(expected.conflicts.empty());
  for (int round = 0; round < 20; ++round) {
    std::shuffle(claims.begin(), claims.end(), random);
    const AddressBook book = assign_addresses(claims);
    CHECK(book.owners == expected.owners);
    CHECK(book.conflicts == expected.conflicts);
  }
}

}  // namespace xm
