#include "agent/bench/peers_bench.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/support/skip.hpp"

namespace xm {

TEST_CASE("bench path --peers: every table finds every peer, no timer has anything to do") {
  const PeersReport report = measure_peers(300);
  CHECK(report.peers == 300);
  for (const Figure& figure : {report.apply, report.index, report.route_v4, report.route_v6,
                               report.timer, report.idle_tick}) {
    CHECK(figure.median > 0);
  }
}

TEST_CASE("bench path --peers: the heap holds what a peer is made of, and not much more") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  XM_SKIP("the sanitizers replace the allocator that is asked");
#endif
  constexpr std::uint32_t kPeers = 2000;
  const PeersReport report = measure_peers(kPeers);
  const std::uint64_t parts = report.record_size + report.peer_size;
  CHECK(report.configured.heap >= kPeers * parts);
  CHECK(report.configured.heap < kPeers * 2500);
  CHECK(report.sessions.heap >= kPeers * report.session_size);
  CHECK(report.sessions.heap < kPeers * (report.session_size + 400));
}

TEST_CASE("bench path --peers: both reports have every figure") {
  PeersReport report;
  report.peers = 10;
  report.record_size = 700;
  report.configured = {.heap = 12'340, .resident = 20'000};
  report.process_resident = 5'000'000;
  report.index = {.median = 3, .low = 2, .high = 4};
  const std::string text = peers_report_text(report);
  for (const char* words :
       {"10 peers", "700 B", "1234 B of heap, 2000 B resident", "5.0 MB", "3.0 (2.0-4.0)"}) {
    CAPTURE(words);
    CHECK(text.find(words) != std::string::npos);
  }
  const auto json = nlohmann::json::parse(peers_report_json(report));
  CHECK(json["bench"] == "peers");
  CHECK(json["configured"]["heap_bytes"] == 12'340);
  CHECK(json["index_nanoseconds"]["median"] == 3);
}

}  // namespace xm
