#include "agent/bench/report_json.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/bench/report_sample.hpp"

namespace xm::bench {

TEST_CASE("report_json: every sample with its round, and their summary") {
  const auto json = nlohmann::json::parse(report_json(test::sample_report()));
  CHECK(json["schema_version"] == 1);
  CHECK(json["interrupted"] == false);
  CHECK(json["rounds"] == 2);
  CHECK(json["machine"]["cpu"] == "A <fast> CPU & more");
  REQUIRE(json["contestants"].size() == 7);
  const auto& own = json["contestants"][1];
  CHECK(own["name"] == "xdp-mesh");
  CHECK(own["kind"] == "own");
  CHECK(own["metrics"]["tcp1"]["median"].get<double>() == doctest::Approx(6.0));
  CHECK(own["metrics"]["tcp1"]["min"] == 5.9);
  CHECK(own["metrics"]["tcp1"]["max"] == 6.1);
  CHECK(own["metrics"]["tcp1"]["unit"] == "Gbit/s");
  CHECK(own["metrics"]["tcp1"]["better"] == "higher");
  CHECK(own["metrics"]["tcp1"]["samples"] ==
        nlohmann::json::parse(R"([{"round":1,"value":5.9},{"round":2,"value":6.1}])"));
  // The first round of this one failed: what is there keeps its number.
  CHECK(own["metrics"]["udp1300_received"]["samples"][0]["round"] == 2);
  CHECK_FALSE(own["metrics"].contains("tcp8"));
}

TEST_CASE("report_json: targets, failures and notes") {
  const auto json = nlohmann::json::parse(report_json(test::sample_report()));
  bool missed = false;
  bool without_ipsec_mb = false;
  for (const auto& target : json["targets"]) {
    missed = missed || (target["text"] == "RTT idle, p50, added to plain veth" &&
                        target["met"] == false && target["at_most"] == 0.06);
    without_ipsec_mb = without_ipsec_mb || target["contestant"] == "xdp-mesh --aead openssl";
  }
  CHECK(missed);
  CHECK(without_ipsec_mb);
  REQUIRE(json["failures"].size() == 2);
  CHECK(json["failures"][0]["row"].is_null());
  CHECK(json["failures"][1]["row"] == "udp1300");
  CHECK(json["notes"][0] == "boringtun-cli: not found: left out");
}

}  // namespace xm::bench
