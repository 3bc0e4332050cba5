#include "agent/ctl/bench_parts_options.hpp"

#include <doctest/doctest.h>

namespace xm {

TEST_CASE("bench options: the names of stages read back, and nothing else is one") {
  for (std::size_t i = 0; i < kPathStages; ++i) {
    const auto stage = static_cast<PathStage>(i);
    CHECK_FALSE(path_stage_name(stage).empty());
    CHECK(parse_path_stage(path_stage_name(stage)) == stage);
  }
  CHECK(path_stage_name(PathStage::deliver) == "deliver");
  CHECK_FALSE(parse_path_stage("").has_value());
  CHECK_FALSE(parse_path_stage("RX").has_value());
}

}  // namespace xm
