// Which row is run for whom and when: every round runs every row for every contestant before the
// next round begins, so that what disturbs the machine for a while disturbs all alike.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/bench/contestant.hpp"
#include "agent/bench/figures.hpp"

namespace xm::bench {

// One contestant's turn: started, measured row by row, ended.
struct Turn {
  std::uint32_t round = 1;
  std::size_t contestant = 0;
  std::vector<Row> rows;
};

// `rows` are keys of kBenchRows, empty for all. Contestants for whom no row is left have no turn.
[[nodiscard]] std::vector<Turn> make_plan(const std::vector<Contestant>& contestants,
                                          const std::vector<std::string>& rows,
                                          std::uint32_t rounds, bool ping_is_there);

// How long it takes if nothing goes wrong.
[[nodiscard]] double estimate_seconds(Row row, std::uint32_t row_seconds);
[[nodiscard]] double estimate_seconds(const Turn& turn, std::uint32_t row_seconds);

}  // namespace xm::bench
