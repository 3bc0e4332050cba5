#include "agent/bench/receive_bench.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

namespace xm {
namespace {

Figure exactly(double value) {
  return {value, value, value};
}

ReceiveRow::Way way_of(double nanoseconds, double rate, double offered) {
  return {exactly(nanoseconds), exactly(nanoseconds / 2), exactly(rate), exactly(offered),
          exactly(8)};
}

ReceiveReport sample() {
  ReceiveReport report{512, 500, 3, 20, 0, false, {}, {}};
  report.rows = {
      {ReceiveLoad::steady_150,
       Arrival::veth,
       way_of(2000, 150e3, 150e3),
       way_of(1400, 150e3, 150e3),
       {}},
      {ReceiveLoad::steady_400,
       Arrival::veth_joined,
       way_of(1000, 300e3, 400e3),
       way_of(900, 400e3, 400e3),
       {}},
      {ReceiveLoad::saturated,
       Arrival::veth,
       way_of(900, 700e3, 900e3),
       way_of(800, 980e3, 990e3),
       {}},
      {ReceiveLoad::unknown_index, Arrival::veth_joined, way_of(1000, 0, 400e3),
       way_of(150, 0, 400e3), exactly(140)},
      {ReceiveLoad::wrong_mac1, Arrival::frames, way_of(2000, 0, 400e3), way_of(600, 0, 400e3),
       exactly(130)},
  };
  return report;
}

}  // namespace

TEST_CASE("bench receive: a steady load is judged by time, a saturated one by packets") {
  const ReceiveReport report = sample();
  CHECK(report.rows[0].ratio() == doctest::Approx(0.7));
  CHECK(report.rows[0].met());
  CHECK(report.rows[1].ratio() == doctest::Approx(0.9));
  CHECK_FALSE(report.rows[1].met());
  CHECK(report.rows[2].ratio() == doctest::Approx(1.4));
  CHECK(report.rows[2].met());
  CHECK(report.rows[3].ratio() == doctest::Approx(0.15));
  CHECK(report.rows[3].met());
  CHECK(report.rows[4].ratio() == doctest::Approx(0.3));
  CHECK_FALSE(report.rows[4].met());
}

TEST_CASE("bench receive: the table says what is missed, and what did not arrive") {
  const std::string text = receive_report_text(sample());
  for (const char* words :
       {"512 B inside", "3 rounds of 0.5 s", "150 kpps", "1400 (1400-1400)", "0.70  <= 0.75 met\n",
        "0.90  <= 0.85 MISSED, socket lost 25 %\n", "700 (700-700)", "1.40  >= 1.30 met\n",
        "unknown index", "0.15  <= 0.20 met, dropped unseen 140 (140-140)\n", "wrong mac1",
        "held back by 20 us", "GRO off", "GRO on", "no veth   wrong mac1",
        "0.30  <= 0.25 MISSED, dropped unseen 130 (130-130)\n"}) {
    CAPTURE(words);
    CHECK(text.find(words) != std::string::npos);
  }
  CHECK(text.find("no floods") == std::string::npos);
  CHECK(text.find("busy-polls") == std::string::npos);
  CHECK(text.find("interrupted") == std::string::npos);
}

TEST_CASE("bench receive: a kernel that takes no frames without a card is said to") {
  ReceiveReport report = sample();
  report.no_frames = "cannot give frames: Invalid argument";
  CHECK(receive_report_text(report).find("no floods without veth: cannot give frames: Invalid") !=
        std::string::npos);
  CHECK(nlohmann::json::parse(receive_report_json(report))["no_frames"] ==
        "cannot give frames: Invalid argument");
}

TEST_CASE("bench receive: the object has every row") {
  const auto json = nlohmann::json::parse(receive_report_json(sample()));
  CHECK(json["bench"] == "receive");
  CHECK(json["size"] == 512);
  CHECK(json["moderation_microseconds"] == 20);
  REQUIRE(json["rows"].size() == 5);
  CHECK(json["rows"][0]["load"] == "steady_150");
  CHECK(json["rows"][1]["napi_gro"] == true);
  CHECK(json["rows"][1]["met"] == false);
  CHECK(json["rows"][2]["target_is"] == "at_least");
  CHECK(json["rows"][2]["af_xdp"]["delivered_per_second"]["median"] == 980'000);
  CHECK(json["rows"][3]["target"] == 0.2);
  CHECK(json["rows"][0]["dropped_unseen_nanoseconds_per_packet"].is_null());
  CHECK(json["rows"][3]["dropped_unseen_nanoseconds_per_packet"]["median"] == 140);
  CHECK(json["rows"][3]["arrival"] == "veth_joined");
  CHECK(json["rows"][4]["arrival"] == "frames");
  CHECK(json["rows"][4]["napi_gro"] == false);
  CHECK(json["rows"][4]["load"] == "wrong_mac1");
  CHECK(json["no_frames"] == "");
  CHECK(json["rows"][0]["socket"]["napi_nanoseconds_per_packet"]["low"] == 1000);
  CHECK(json["rows"][0]["socket"]["packets_per_batch"]["high"] == 8);
}

}  // namespace xm
