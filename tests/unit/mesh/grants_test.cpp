#include "agent/mesh/grants.hpp"

#include <doctest/doctest.h>

#include "tests/unit/mesh/samples.hpp"

namespace xm {

using test::address;
using test::prefix;

TEST_CASE("grants: nothing is granted by default, and everything by everything()") {
  const Grants none;
  CHECK_FALSE(none.allows_name("a"));
  CHECK_FALSE(none.allows_address(address("10.0.0.1")));
  CHECK_FALSE(none.allows_subnet(prefix("10.0.0.0/8")));
  const Grants all = Grants::everything();
  CHECK(all.allows_name("a"));
  CHECK(all.allows_address(address("10.0.0.1")));
  CHECK(all.allows_address(address("fd00::1")));
  CHECK(all.allows_subnet(prefix("0.0.0.0/0")));
  CHECK(all.allows_subnet(prefix("::/0")));
  CHECK(all.covers(none));
  CHECK_FALSE(none.covers(all));
  CHECK(none.covers(none));
}

TEST_CASE("grants: a subnet is allowed whole or not at all") {
  const Grants grants{{}, {}, {prefix("192.168.0.0/16"), prefix("fd00::/8")}};
  CHECK(grants.allows_subnet(prefix("192.168.0.0/16")));
  CHECK(grants.allows_subnet(prefix("192.168.9.0/24")));
  CHECK(grants.allows_subnet(prefix("fd12::/16")));
  CHECK_FALSE(grants.allows_subnet(prefix("192.168.0.0/15")));
  CHECK_FALSE(grants.allows_subnet(prefix("192.169.0.0/16")));
  CHECK_FALSE(grants.allows_subnet(prefix("0.0.0.0/0")));
  CHECK_FALSE(grants.allows_subnet(prefix("::/0")));
}

TEST_CASE("grants: a prefix covers the like family only") {
  CHECK(prefix_covers(prefix("0.0.0.0/0"), prefix("10.0.0.0/8")));
  CHECK_FALSE(prefix_covers(prefix("0.0.0.0/0"), prefix("fd00::/8")));
  CHECK_FALSE(prefix_covers(prefix("::/0"), prefix("10.0.0.0/8")));
  CHECK_FALSE(prefix_covers(prefix("10.0.0.0/9"), prefix("10.0.0.0/8")));
}

}  // namespace xm
