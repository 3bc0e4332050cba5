#include "agent/mesh/awareness.hpp"

#include <doctest/doctest.h>

namespace xm {
namespace {

TEST_CASE("awareness: timeouts grow with the score, within its bounds") {
  Awareness awareness;
  CHECK(awareness.scale(200ms) == 200ms);
  awareness.improve();
  CHECK(awareness.score() == 0);
  awareness.worsen(3);
  CHECK(awareness.scale(200ms) == 800ms);
  awareness.worsen(100);
  CHECK(awareness.score() == Awareness::kWorst);
  awareness.improve();
  CHECK(awareness.score() == Awareness::kWorst - 1);
}

}  // namespace
}  // namespace xm
