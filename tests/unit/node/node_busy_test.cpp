#include "agent/node_busy.hpp"

#include <doctest/doctest.h>

namespace xm {
namespace {

TEST_CASE("busy peers: while there is room, whoever moves is connected, the busiest first") {
  BusyPeers busy(2);
  auto changes = busy.update({{1, 0, false}, {2, 0, false}, {3, 0, false}});
  CHECK(changes.connect.empty());
  CHECK_FALSE(busy.traffic());
  changes = busy.update({{1, 100, false}, {2, 0, false}, {3, 500, false}});
  CHECK(busy.traffic());
  CHECK(changes.disconnect.empty());
  CHECK(changes.connect == std::vector<PeerId>{3, 1});
}

TEST_CASE("busy peers: without room, only more than twice the traffic takes a place") {
  BusyPeers busy(1);
  (void)busy.update({{1, 1000, true}, {2, 1000, false}});
  auto changes = busy.update({{1, 1100, true}, {2, 1200, false}});  // 100 against 200: not more
  CHECK(changes.connect.empty());
  CHECK(changes.disconnect.empty());
  changes = busy.update({{1, 1200, true}, {2, 1401, false}});  // 100 against 201
  CHECK(changes.disconnect == std::vector<PeerId>{1});
  CHECK(changes.connect == std::vector<PeerId>{2});
}

TEST_CASE("busy peers: an idle connected peer gives way to the first that moves") {
  BusyPeers busy(1);
  (void)busy.update({{1, 1000, true}, {2, 0, false}});
  const auto changes = busy.update({{1, 1000, true}, {2, 1, false}});
  CHECK(changes.disconnect == std::vector<PeerId>{1});
  CHECK(changes.connect == std::vector<PeerId>{2});
}

TEST_CASE("busy peers: a peer that went is forgotten, a new one counts from nothing") {
  BusyPeers busy(4);
  (void)busy.update({{1, 1000, true}});
  (void)busy.update({});
  CHECK_FALSE(busy.traffic());
  const auto changes = busy.update({{7, 10, false}});
  CHECK(changes.connect == std::vector<PeerId>{7});
}

}  // namespace
}  // namespace xm
