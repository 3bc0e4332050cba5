#include "agent/bench/plan.hpp"

#include <doctest/doctest.h>

#include <algorithm>

namespace xm::bench {
namespace {

const std::vector<Contestant> kField{{kPlainName, ContestantKind::plain, {}},
                                     {kOwnName, ContestantKind::own, {"x"}},
                                     {"peer", ContestantKind::peer, {"y"}},
                                     {"xdp-mesh --io uring", ContestantKind::variant, {"z"}}};

bool has(const Turn& turn, Row row) {
  return std::find(turn.rows.begin(), turn.rows.end(), row) != turn.rows.end();
}

}  // namespace

TEST_CASE("plan: every contestant in a round before the next round, plain veth first") {
  const auto plan = make_plan(kField, {}, 3, true);
  REQUIRE(plan.size() == 12);
  for (std::size_t i = 0; i < plan.size(); ++i) {
    CHECK(plan[i].round == i / 4 + 1);
    CHECK(plan[i].contestant == i % 4);
    CHECK(std::is_sorted(plan[i].rows.begin(), plan[i].rows.end()));
  }
}

TEST_CASE("plan: each kind has its rows") {
  const auto plan = make_plan(kField, {}, 1, true);
  CHECK(plan[1].rows.size() == kRows);
  CHECK(plan[2].rows.size() == kRows);
  CHECK(has(plan[0], Row::tcp8_reverse));
  CHECK_FALSE(has(plan[0], Row::rss));
  CHECK(has(plan[3], Row::tcp1));
  CHECK(has(plan[3], Row::udp64));
  CHECK(has(plan[3], Row::rtt));
  CHECK_FALSE(has(plan[3], Row::tcp8));
  CHECK_FALSE(has(plan[3], Row::rtt_load));
}

TEST_CASE("plan: rows that are chosen, and no turn for whom none is left") {
  const auto plan = make_plan(kField, {"rss1000", "tcp8"}, 1, true);
  REQUIRE(plan.size() == 3);
  CHECK(plan[0].rows == std::vector<Row>{Row::tcp8});
  CHECK(plan[1].rows == std::vector<Row>{Row::tcp8, Row::rss_thousand});
  CHECK(plan[2].contestant == 2);
}

TEST_CASE("plan: no round trips without ping") {
  for (const Turn& turn : make_plan(kField, {}, 1, false)) {
    CHECK_FALSE(has(turn, Row::rtt));
    CHECK_FALSE(has(turn, Row::rtt_load));
    CHECK(has(turn, Row::tcp1));
  }
}

TEST_CASE("plan: an estimate grows with the length of a row, but not for what has none") {
  CHECK(estimate_seconds(Row::tcp1, 10) - estimate_seconds(Row::tcp1, 1) == doctest::Approx(9));
  CHECK(estimate_seconds(Row::rss, 10) == doctest::Approx(estimate_seconds(Row::rss, 1)));
  const Turn turn{1, 0, {Row::tcp1, Row::tcp8}};
  CHECK(estimate_seconds(turn, 2) >
        estimate_seconds(Row::tcp1, 2) + estimate_seconds(Row::tcp8, 2));
}

TEST_CASE("figures: rows have the keys that the command line knows") {
  CHECK(row_key(Row::rss_thousand) == "rss1000");
  CHECK(row_key(Row::tcp8_reverse) == "tcp8r");
  CHECK(row_key(Row::rtt_load) == "rtt-load");
  CHECK(row_key(Row::rtt) == "rtt");
  CHECK(row_key(Row::tcp1) == "tcp1");
  CHECK(row_key(Row::tcp1_reverse) == "tcp1r");
  CHECK(row_key(Row::tcp8) == "tcp8");
  CHECK(row_key(Row::udp64) == "udp64");
  CHECK(row_key(Row::udp1300) == "udp1300");
  CHECK(row_key(Row::rss) == "rss");
}

}  // namespace xm::bench
