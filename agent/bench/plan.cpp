#include "agent/bench/plan.hpp"

#include <algorithm>

namespace xm::bench {
namespace {

constexpr double kStartAndStopSeconds = 0.6;

bool is_for(const RowInfo& row, ContestantKind kind) {
  switch (kind) {
    case ContestantKind::plain:
      return row.for_plain;
    case ContestantKind::variant:
      return row.for_variants;
    case ContestantKind::own:
    case ContestantKind::peer:
      break;
  }
  return true;
}

std::vector<Row> choose_rows(ContestantKind kind, const std::vector<std::string>& wanted,
                             bool ping_is_there) {
  std::vector<Row> chosen;
  for (std::size_t i = 0; i < kRows; ++i) {
    const Row row = static_cast<Row>(i);
    if (!is_for(info(row), kind) || (info(row).needs_ping && !ping_is_there)) continue;
    if (wanted.empty() || std::find(wanted.begin(), wanted.end(), row_key(row)) != wanted.end()) {
      chosen.push_back(row);
    }
  }
  return chosen;
}

}  // namespace

std::vector<Turn> make_plan(const std::vector<Contestant>& contestants,
                            const std::vector<std::string>& rows, std::uint32_t rounds,
                            bool ping_is_there) {
  std::vector<Turn> plan;
  for (std::uint32_t round = 1; round <= rounds; ++round) {
    for (std::size_t i = 0; i < contestants.size(); ++i) {
      Turn turn{round, i, choose_rows(contestants[i].kind, rows, ping_is_there)};
      if (!turn.rows.empty()) plan.push_back(std::move(turn));
    }
  }
  return plan;
}

double estimate_seconds(Row row, std::uint32_t row_seconds) {
  return info(row).fixed_seconds + (info(row).is_load ? row_seconds : 0);
}

double estimate_seconds(const Turn& turn, std::uint32_t row_seconds) {
  double seconds = kStartAndStopSeconds;
  for (const Row row : turn.rows) seconds += estimate_seconds(row, row_seconds);
  return seconds;
}

}  // namespace xm::bench
