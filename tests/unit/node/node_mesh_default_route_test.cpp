// Default routes through members, and the mark that keeps the tunnel's own packets out of them.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "agent/io/routing_rules.hpp"
#include "tests/unit/node/node_mesh_lab.hpp"

namespace xm {
namespace {

using test::Two;

// The first may have a default route through the second, if its configuration accepts that.
struct TwoWithDefault : Two {
  TwoWithDefault() {
    const Prefix everywhere = Prefix::parse("0.0.0.0/0").value();
    a.trust(b, {{}, {}, {everywhere}});
    b.configure("mesh = \"lab\"\nsubnets = [\"0.0.0.0/0\"]\nseeds = [\"" + a.identity.to_string() +
                "@192.0.2.1:51820\"]\n");
  }
  void accept(bool does) {
    a.configure(does ? "mesh = \"lab\"\nnames = []\n[routes]\naccept_default = true\n"
                     : "mesh = \"lab\"\nnames = []\n");
  }
};
using Order = std::vector<std::string>;

TEST_CASE("node of a mesh: the sockets are marked before a default route, and until it is gone") {
  TwoWithDefault two;
  two.start();
  two.pass(5s);
  REQUIRE(two.a.has_peer(two.b));
  CHECK(two.a.order.empty());
  two.accept(true);
  two.pass(1s);
  CHECK(two.a.order == Order{"mark on", "default route there"});
  CHECK(two.a.mark == kOwnMark);
  two.a.order.clear();
  two.accept(false);
  two.pass(1s);
  CHECK(two.a.order == Order{"default route gone", "mark off"});
  CHECK(two.a.mark == 0);
}

TEST_CASE("node of a mesh: sockets are marked from the start where a default route is accepted") {
  TwoWithDefault two;
  two.accept(true);
  two.a.start();
  CHECK(two.a.order == Order{"mark on"});
  two.b.start();
  two.pass(5s);
  CHECK(two.a.order == Order{"mark on", "default route there"});
  two.a.mesh->leave(two.a.path.at());
  two.a.mesh.reset();
  CHECK(two.a.order.back() != "mark off");  // what is still sent has it
}

TEST_CASE("node of a mesh: without the mark there is no default route, and status says why") {
  TwoWithDefault two;
  two.start();
  two.pass(5s);
  two.a.refuses_mark = true;
  two.accept(true);
  two.pass(1s);
  CHECK_FALSE(two.a.kernel->has_default());
  CHECK(two.a.kernel->routes.size() == 2);  // the others are set
  CHECK(two.a.status().faults == Order{"cannot set the mark"});
  two.a.refuses_mark = false;
  two.pass(11s);
  CHECK(two.a.order == Order{"mark on", "default route there"});
  CHECK(two.a.status().faults.empty());
}

TEST_CASE("node of a mesh: the mark stays while a default route cannot be taken away") {
  TwoWithDefault two;
  two.accept(true);
  two.start();
  two.pass(5s);
  REQUIRE(two.a.kernel->has_default());
  two.a.kernel->refuses_routes = true;
  two.accept(false);
  two.pass(1s);
  CHECK(two.a.mark == kOwnMark);
  two.a.kernel->refuses_routes = false;
  two.a.order.clear();
  two.pass(11s);
  CHECK(two.a.order == Order{"default route gone", "mark off"});
}

}  // namespace
}  // namespace xm
