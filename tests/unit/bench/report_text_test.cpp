#include "agent/bench/report_text.hpp"

#include <doctest/doctest.h>

#include "tests/unit/bench/report_sample.hpp"

namespace xm::bench {
namespace {

// The line that begins so, without repeated spaces.
std::string line_of(const std::string& text, const std::string& begin) {
  const std::size_t at = text.find("\n" + begin);
  if (at == std::string::npos) return {};
  std::string line;
  for (const char c : text.substr(at + 1, text.find('\n', at + 1) - at - 1)) {
    if (c != ' ' || line.empty() || line.back() != ' ') line += c;
  }
  return line;
}

}  // namespace

TEST_CASE("report_text: medians with their spread, ours and others, then the variants") {
  const std::string text = report_text(test::sample_report());
  CAPTURE(text);
  CHECK(line_of(text, "median") == "median (least-most) unit plain veth xdp-mesh wireguard-go");
  CHECK(line_of(text, "TCP, 1 stream") ==
        "TCP, 1 stream, a to b Gbit/s 15.00 (14.00-16.00) 6.00 (5.90-6.10) 0.50 (0.40-0.60)");
  // One sample has no spread, none is a dash.
  CHECK(line_of(text, "UDP of 1300 B, received") == "UDP of 1300 B, received kpackets/s - 50.0 -");
  CHECK(text.find("xdp-mesh --aead openssl") != std::string::npos);
  CHECK(text.find("TCP, 8 streams") == std::string::npos);
}

TEST_CASE("report_text: targets met and missed, and where it is behind") {
  const std::string text = report_text(test::sample_report());
  CAPTURE(text);
  CHECK(line_of(text, "UDP of 64 B, received /") ==
        "UDP of 64 B, received / wireguard-go 4.00 x >= 4.00 met");
  CHECK(line_of(text, "RTT idle, p50, added") ==
        "RTT idle, p50, added to plain veth 0.100 ms <= 0.060 MISSED");
  CHECK(text.find("behind wireguard-go in: RTT idle, p50\n") != std::string::npos);
  CHECK(text.find("\nWithout IPsec-MB:\nxdp-mesh --aead openssl") != std::string::npos);
}

TEST_CASE("report_text: the machine, the versions and what is missing") {
  const std::string text = report_text(test::sample_report());
  CAPTURE(text);
  CHECK(line_of(text, "machine:") ==
        "machine: A <fast> CPU & more, 2 core(s), both ends share them");
  CHECK(line_of(text, "instruction sets:") == "instruction sets: avx2 vaes");
  CHECK(line_of(text, "wireguard-go:") == "wireguard-go: wireguard-go v0.0.20220316");
  CHECK(line_of(text, "xdp-mesh:") == "xdp-mesh: 0.1.0, AEAD x");
  CHECK(text.find("  boringtun-cli: not found") != std::string::npos);
  CHECK(text.find("  broken, round 1: it said") != std::string::npos);
  CHECK(text.find("  xdp-mesh, round 1, udp1300: iperf3: timed out") != std::string::npos);
  CHECK(text.find("interrupted") == std::string::npos);
}

TEST_CASE("report_text: an interrupted run says so, with nothing in it too") {
  Report report = test::sample_report();
  report.interrupted = true;
  CHECK(report_text(report).find("(interrupted") != std::string::npos);
  report.contestants.clear();
  report.samples.clear();
  report.failures.clear();
  report.notes.clear();
  const std::string text = report_text(report);
  CHECK(text.find("nothing was measured") != std::string::npos);
}

TEST_CASE("report_text: a wide field is cut into tables") {
  Report report = test::sample_report();
  for (int i = 0; i < 3; ++i) {
    report.contestants.push_back({"peer" + std::to_string(i), ContestantKind::peer, {"p"}});
    report.samples.emplace_back();
    report.add(report.contestants.size() - 1, 1, Metric::tcp1, 1);
  }
  const std::string text = report_text(report);
  CAPTURE(text);
  CHECK(line_of(text, "median") ==
        "median (least-most) unit plain veth xdp-mesh wireguard-go peer0");
  CHECK(text.find("unit    peer1  peer2\n") != std::string::npos);
}

}  // namespace xm::bench
