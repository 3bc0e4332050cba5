#include "agent/ctl/metrics.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "agent/ctl/base64.hpp"
#include "tests/support/skip.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/ctl/attachment_sample.hpp"
#include "tests/unit/ctl/mesh_sample.hpp"

namespace xm {
namespace {

StatusView sample_status() {
  StatusView view;
  view.interface = "wg0";
  view.tun.up = true;
  view.io.backend = "syscall";
  view.workers.push_back({0, -1, 0, {{"sent_datagrams", 12}}, {}});
  view.workers.push_back({1, -1, 1, {{"sent_datagrams", 30}, {"packets_taken_back", 2}}, {}});
  view.interfaces.push_back(test::sample_attachment());
  view.peers.emplace_back().receive_path = PacketPath::xdp;
  view.drops[0] = 7;
  view.mesh = test::sample_mesh();
  return view;
}

InterfaceView sample_configuration() {
  InterfaceView view;
  PeerView& peer = view.peers.emplace_back();
  peer.public_key.fill(7);
  peer.sent_bytes = 1234;
  peer.received_bytes = 5678;
  peer.last_handshake.nanoseconds = 1'700'000'000'900'000'000;
  peer.allowed_ips = {*Prefix::parse("10.0.0.2/32"), *Prefix::parse("fd00::/64")};
  return view;
}

bool has(const std::string& text, const std::string& line) {
  const bool found = text.find(line + "\n") != std::string::npos;
  if (!found) MESSAGE("not in ", text);
  return found;
}

}  // namespace

TEST_CASE("metrics: peers are named and labelled as the known exporters do it") {
  const std::string text = metrics_text(sample_status(), sample_configuration());
  PublicKey key{};
  key.fill(7);
  const std::string labels = "{interface=\"wg0\",public_key=\"" + to_base64(key) +
                             "\",allowed_ips=\"10.0.0.2/32,fd00::/64\"} ";
  CHECK(has(text, "# TYPE wireguard_sent_bytes_total counter"));
  CHECK(has(text, "wireguard_sent_bytes_total" + labels + "1234"));
  CHECK(has(text, "wireguard_received_bytes_total" + labels + "5678"));
  CHECK(has(text, "# TYPE wireguard_latest_handshake_seconds gauge"));
  CHECK(has(text, "wireguard_latest_handshake_seconds" + labels + "1700000000"));
}

TEST_CASE("metrics: drops, workers, paths, verdicts and queues are there") {
  const std::string text = metrics_text(sample_status(), sample_configuration());
  for (const char* name :
       {"xdpmesh_dropped_packets_total", "xdpmesh_worker_sent_datagrams_total",
        "xdpmesh_verdict_packets_total", "xdpmesh_verdict_bytes_total", "xdpmesh_attachment_info",
        "xdpmesh_queue_ring_used", "xdpmesh_queue_xsk_events_total", "xdpmesh_build_info"}) {
    CAPTURE(name);
    CHECK(text.find("\n" + std::string(name) + "{interface=\"wg0\",") != std::string::npos);
  }
  CHECK(has(text, "xdpmesh_worker_sent_datagrams_total{interface=\"wg0\",worker=\"1\"} 30"));
  CHECK(has(text, "xdpmesh_worker_packets_taken_back_total{interface=\"wg0\",worker=\"1\"} 2"));
  CHECK(has(text, "xdpmesh_peers_by_receive_path{interface=\"wg0\",path=\"xdp\"} 1"));
  CHECK(has(text, "xdpmesh_tun_up{interface=\"wg0\"} 1"));
}

TEST_CASE("metrics: the mesh's members by state and reach, also those of which there are none") {
  const std::string text = metrics_text(sample_status(), sample_configuration());
  for (const char* line :
       {"xdpmesh_mesh_members{interface=\"wg0\",state=\"suspect\"} 1",
        "xdpmesh_mesh_members{interface=\"wg0\",state=\"alive\"} 0",
        "xdpmesh_mesh_members_by_reach{interface=\"wg0\",reach=\"silent\"} 1",
        "xdpmesh_mesh_members_by_reach{interface=\"wg0\",reach=\"direct\"} 0",
        "xdpmesh_mesh_seeds{interface=\"wg0\",state=\"unresolved\"} 1",
        "xdpmesh_mesh_incarnation{interface=\"wg0\"} 3",
        "xdpmesh_mesh_record_expiry_timestamp_seconds{interface=\"wg0\"} 1700000000",
        "xdpmesh_mesh_certificate_expiry_timestamp_seconds{interface=\"wg0\"} 1710000000",
        "xdpmesh_mesh_faults{interface=\"wg0\"} 1",
        "xdpmesh_mesh_clock_skew_seconds{interface=\"wg0\"} 2",
        "xdpmesh_mesh_counters_total{interface=\"wg0\",counter=\"gossip_stale\"} 4"}) {
    CHECK(has(text, line));
  }
  CHECK(text.find("xdpmesh_mesh_info{interface=\"wg0\",mesh=\"home\",identity=\"xm1a") !=
        std::string::npos);
}

TEST_CASE("metrics: a static tunnel has none of the mesh's") {
  StatusView view = sample_status();
  view.mesh.reset();
  CHECK(metrics_text(view, {}).find("xdpmesh_mesh_") == std::string::npos);
}

TEST_CASE("metrics: a name of any bytes stays within its quotes") {
  StatusView view = sample_status();
  view.interface = "a\"b\\c\nd";
  CHECK(metrics_text(view, {}).find("interface=\"a\\\"b\\\\c\\nd\"") != std::string::npos);
}

TEST_CASE("metrics: the dashboard asks for nothing that does not exist") {
  std::ifstream file(XM_SOURCE_DIR "/deploy/grafana/xdp-mesh.json");
  const std::string dashboard{std::istreambuf_iterator<char>(file), {}};
  REQUIRE(dashboard.find("\"panels\"") != std::string::npos);
  StatusView view = sample_status();
  view.workers[0].counters.insert(view.workers[0].counters.begin(), {"received_datagrams", 1});
  const std::string text = metrics_text(view, sample_configuration());
  const auto is_part = [](char c) { return c == '_' || (c >= 'a' && c <= 'z'); };
  std::size_t asked = 0;
  for (const std::string_view prefix : {"xdpmesh_", "wireguard_"}) {
    for (std::size_t at = dashboard.find(prefix); at != std::string::npos;
         at = dashboard.find(prefix, at + 1)) {
      std::size_t end = at;
      while (is_part(dashboard[end])) ++end;
      const std::string name = dashboard.substr(at, end - at);
      CAPTURE(name);
      CHECK(text.find("# TYPE " + name + " ") != std::string::npos);
      ++asked;
    }
  }
  CHECK(asked > 10);
}

TEST_CASE("metrics: promtool has nothing to say, and notices a fault") {
  const auto check = [](const std::string& text) {
    const test::TemporaryDirectory directory;
    std::ofstream(directory / "metrics") << text;
    const std::string command = "promtool check metrics <" + (directory / "metrics") + " >&2";
    const int status = std::system(command.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  };
  if (std::system("command -v promtool >/dev/null") != 0) {
    XM_SKIP("promtool is not installed (tools/deps installs it with prometheus)");
  }
  const std::string text = metrics_text(sample_status(), sample_configuration());
  CHECK(check(text) == 0);
  CHECK(check(text + "# HELP late Without an end.\n# TYPE late counter\nlate 1\n") != 0);
}

}  // namespace xm
