#include "agent/bench/targets.hpp"

#include <doctest/doctest.h>

#include "tests/unit/bench/report_sample.hpp"

namespace xm::bench {
namespace {

const Target* find(const std::vector<Target>& targets, const std::string& text) {
  for (const Target& target : targets) {
    if (target.text == text) return &target;
  }
  return nullptr;
}

}  // namespace

TEST_CASE("targets: ratios of medians with what they should reach") {
  const Report report = test::sample_report();
  const auto targets = judge(report, 1);
  const Target* over_plain = find(targets, "TCP, 1 stream, a to b / plain veth");
  REQUIRE(over_plain != nullptr);
  CHECK(over_plain->value == doctest::Approx(0.4));
  CHECK(over_plain->bound == 0.4);
  const Target* over_go = find(targets, "TCP, 1 stream, a to b / wireguard-go");
  REQUIRE(over_go != nullptr);
  CHECK(over_go->value == doctest::Approx(12));
  CHECK(over_go->bound == 12);
  const Target* udp = find(targets, "UDP of 64 B, received / wireguard-go");
  REQUIRE(udp != nullptr);
  CHECK(udp->value == doctest::Approx(4));
  CHECK(udp->met());
  const Target* rtt = find(targets, "RTT idle, p50, added to plain veth");
  REQUIRE(rtt != nullptr);
  CHECK(rtt->value == doctest::Approx(0.1));
  CHECK_FALSE(rtt->met());
  const Target* rss = find(targets, "RSS, the larger end");
  REQUIRE(rss != nullptr);
  CHECK(rss->met());
}

TEST_CASE("targets: nothing is said of what was not measured on both sides") {
  const auto targets = judge(test::sample_report(), 1);
  CHECK(find(targets, "UDP of 1300 B, received / wireguard-go") == nullptr);
  CHECK(find(targets, "TCP, 1 stream, a to b / broken") == nullptr);
  CHECK(find(targets, "RSS with 1,000 peers") == nullptr);
  CHECK(judge(test::sample_report(), 6).empty());
}

TEST_CASE("targets: beside a wireguard-go with offloads they are others") {
  Report report = test::sample_report();
  report.contestants[2].version = "wireguard-go v0.0.20250522";
  const auto targets = judge(report, 1);
  CHECK(find(targets, "TCP, 1 stream, a to b / wireguard-go")->bound == 2.5);
  CHECK_FALSE(find(targets, "UDP of 64 B, received / wireguard-go")->bound.has_value());
  report.contestants[2].name = "something else";
  CHECK_FALSE(find(judge(report, 1), "TCP, 1 stream, a to b / something else")->bound.has_value());
}

TEST_CASE("targets: the receive path that was chosen beside the better of the forced ones") {
  Report report = test::sample_report();
  CHECK(judge_attached(report).empty());
  for (const auto& [path, rate] : {std::pair{"auto", 3.8}, {"xdp", 4.0}, {"socket", 2.0}}) {
    Contestant variant;
    variant.name = attached_name("native", path);
    variant.kind = ContestantKind::variant;
    report.contestants.push_back(variant);
    report.samples.emplace_back();
    report.samples.back()[static_cast<std::size_t>(Metric::tcp1)].push_back({1, rate});
  }
  const auto targets = judge_attached(report);
  REQUIRE(targets.size() == 1);
  CHECK(targets[0].value == doctest::Approx(0.95));
  CHECK(targets[0].text.find("native") != std::string::npos);
  CHECK(targets[0].bound == 0.95);
}

TEST_CASE("targets: versions of wireguard-go") {
  CHECK_FALSE(has_offloads("wireguard-go v0.0.20220316"));
  CHECK(has_offloads("wireguard-go v0.0.20230223"));
  CHECK(has_offloads("v0.0.20250522"));
  CHECK(has_offloads("v0.0.20250522-dirty"));
  CHECK_FALSE(has_offloads(""));
  CHECK_FALSE(has_offloads("devel"));
  CHECK_FALSE(has_offloads("v0.0.9"));
  CHECK_FALSE(has_offloads("v1.0.nextyear"));
}

TEST_CASE("targets: rows in which ours is behind, whichever way better is") {
  const Report report = test::sample_report();
  CHECK(worse_than(report, 1, 2) == std::vector<std::string>{"RTT idle, p50"});
  CHECK(worse_than(report, 2, 1) ==
        std::vector<std::string>{"TCP, 1 stream, a to b", "UDP of 64 B, received"});
  CHECK(worse_than(report, 1, 1).empty());
}

TEST_CASE("targets: the best engine beside IPsec-MB") {
  Report report = test::sample_report();
  CHECK(best_without_ipsec_mb(report) == 4U);
  report.samples[4][static_cast<std::size_t>(Metric::tcp1)].clear();
  CHECK(best_without_ipsec_mb(report) == 5U);
  report.samples[5][static_cast<std::size_t>(Metric::tcp1)].clear();
  CHECK_FALSE(best_without_ipsec_mb(report).has_value());
}

}  // namespace xm::bench
