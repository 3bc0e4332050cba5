#include "agent/bench/iperf.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/bench/samples.hpp"

namespace xm::bench {

TEST_CASE("iperf: TCP of all streams together, as the receiver counted") {
  const auto two = parse_iperf_tcp(test::read_sample("iperf_tcp_two_streams.json"));
  REQUIRE(two.ok());
  CHECK(two.value().bytes == doctest::Approx(1469841408));
  CHECK(two.value().bits_per_second == doctest::Approx(11730285322.093924));
  const auto reverse = parse_iperf_tcp(test::read_sample("iperf_tcp_reverse.json"));
  REQUIRE(reverse.ok());
  CHECK(reverse.value().bytes == doctest::Approx(1465122816));
  CHECK(reverse.value().bits_per_second == doctest::Approx(11720326189.733374));
}

TEST_CASE("iperf: UDP packets sent, received and lost") {
  const auto flood = parse_iperf_udp(test::read_sample("iperf_udp.json"), 64);
  REQUIRE(flood.ok());
  CHECK(flood.value().sent_per_second == doctest::Approx(87390 / 1.003025));
  CHECK(flood.value().received_per_second == doctest::Approx(3638336 / 64.0 / 1.003025));
  CHECK(flood.value().lost_percent == doctest::Approx(34.94793454628676));
}

TEST_CASE("iperf: UDP of versions without the receiver's own sum") {
  const auto flood =
      parse_iperf_udp(R"({"end":{"sum":{"seconds":2.0,"packets":1000,"lost_packets":250}}})", 64);
  REQUIRE(flood.ok());
  CHECK(flood.value().sent_per_second == doctest::Approx(500));
  CHECK(flood.value().received_per_second == doctest::Approx(375));
  CHECK(flood.value().lost_percent == doctest::Approx(25));
}

TEST_CASE("iperf: what was lost behind the last received packet counts as lost") {
  const auto flood = parse_iperf_udp(
      R"({"end":{"sum":{"seconds":1.0,"packets":100,"lost_packets":0},
                 "sum_received":{"bytes":640}}})",
      64);
  REQUIRE(flood.ok());
  CHECK(flood.value().received_per_second == doctest::Approx(10));
  CHECK(flood.value().lost_percent == doctest::Approx(90));
}

TEST_CASE("iperf: a flood of which nothing was sent has no loss") {
  const auto flood =
      parse_iperf_udp(R"({"end":{"sum":{"seconds":1.0,"packets":0,"lost_packets":0}}})", 64);
  REQUIRE(flood.ok());
  CHECK(flood.value().lost_percent == 0);
}

TEST_CASE("iperf: what it complains about is the error") {
  const std::string refused = test::read_sample("iperf_refused.json");
  for (const auto& error :
       {parse_iperf_tcp(refused).error(), parse_iperf_udp(refused, 64).error()}) {
    CHECK(error.what == "iperf3: unable to connect to server: Connection refused");
  }
}

TEST_CASE("iperf: half an output, another output and missing fields are errors") {
  const std::string whole = test::read_sample("iperf_udp.json");
  for (const std::string& broken :
       {std::string(), std::string("iperf3: error"), std::string("[1]"),
        whole.substr(0, whole.size() / 2), std::string("{}"), std::string(R"({"end":7})"),
        std::string(R"({"end":{}})"), std::string(R"({"end":{"sum":[],"sum_received":3}})"),
        std::string(R"({"end":{"sum":{"packets":"many","lost_packets":1,"seconds":1}}})"),
        std::string(R"({"end":{"sum":{"packets":3,"lost_packets":1,"seconds":0}}})"),
        std::string(R"({"end":{"sum_received":{"bytes":3}}})"),
        std::string(R"({"error":{"code":7}})")}) {
    CAPTURE(broken);
    CHECK_FALSE(parse_iperf_tcp(broken).ok());
    CHECK_FALSE(parse_iperf_udp(broken, 64).ok());
  }
}

TEST_CASE("iperf: commands ask for what is measured") {
  const auto has = [](const std::vector<std::string>& command, const std::string& word) {
    return std::find(command.begin(), command.end(), word) != command.end();
  };
  const auto one = iperf_tcp_command("10.0.0.1", {3, 1, false});
  CHECK(has(one, "10.0.0.1"));
  CHECK(has(one, "-J"));
  CHECK_FALSE(has(one, "-P"));
  CHECK_FALSE(has(one, "-R"));
  const auto eight = iperf_tcp_command("10.0.0.1", {3, 8, true});
  CHECK(has(eight, "-P"));
  CHECK(has(eight, "8"));
  CHECK(has(eight, "-R"));
  const auto udp = iperf_udp_command("10.0.0.1", 3, 1300);
  CHECK(has(udp, "-u"));
  CHECK(has(udp, "1300"));
  CHECK(has(iperf_server_command(), "-1"));
}

}  // namespace xm::bench
