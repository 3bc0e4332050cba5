// A report of two rounds, such as the reports' tests need.
#pragma once

#include "agent/bench/report.hpp"

namespace xm::test {

inline bench::Report sample_report() {
  using bench::ContestantKind;
  using bench::Metric;
  bench::Report report;
  report.started = "2026-01-31T12:00:00Z";
  report.rounds = 2;
  report.seconds = 3;
  report.machine = {"Linux 6.18.0 x86_64", "A <fast> CPU & more", 2, {"avx2", "vaes"}};
  report.contestants = {
      {bench::kPlainName, ContestantKind::plain, {}},
      {bench::kOwnName, ContestantKind::own, {"/proc/self/exe", "-f", "%i"}, "0.1.0", "AEAD x"},
      {bench::kWireguardGoName,
       ContestantKind::peer,
       {"wireguard-go", "-f", "%i"},
       "wireguard-go v0.0.20220316"},
      {"xdp-mesh --aead ipsec-mb", ContestantKind::variant, {"x"}},
      {"xdp-mesh --aead openssl", ContestantKind::variant, {"x"}},
      {"xdp-mesh --aead libsodium", ContestantKind::variant, {"x"}},
      {"broken", ContestantKind::peer, {"false"}}};
  report.samples.resize(report.contestants.size());
  const auto add = [&](std::size_t contestant, Metric metric, double first, double second) {
    report.add(contestant, 1, metric, first);
    report.add(contestant, 2, metric, second);
  };
  add(0, Metric::tcp1, 14, 16);
  add(1, Metric::tcp1, 5.9, 6.1);
  add(2, Metric::tcp1, 0.4, 0.6);
  add(3, Metric::tcp1, 6, 7);
  add(4, Metric::tcp1, 4, 5);
  add(5, Metric::tcp1, 3, 3);
  add(0, Metric::rtt_p50, 0.04, 0.04);
  add(1, Metric::rtt_p50, 0.14, 0.14);
  add(2, Metric::rtt_p50, 0.1, 0.1);
  add(1, Metric::udp64_received, 160, 160);
  add(2, Metric::udp64_received, 40, 40);
  add(1, Metric::udp64_sent, 100, 100);
  add(2, Metric::udp64_sent, 200, 200);
  add(1, Metric::rss, 12, 12);
  report.add(1, 2, Metric::udp1300_received, 50);
  report.failures.push_back({"broken", "", 1, "it said \"no\" \xff"});
  report.failures.push_back({"xdp-mesh", "udp1300", 1, "iperf3: timed out"});
  report.notes.emplace_back("boringtun-cli: not found: left out");
  return report;
}

}  // namespace xm::test
