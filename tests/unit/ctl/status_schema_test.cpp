// docs/status-schema.json against what status_json() writes, and the schema against faults.
#include <doctest/doctest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>

#include "agent/ctl/status.hpp"
#include "tests/support/skip.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/ctl/attachment_sample.hpp"
#include "tests/unit/ctl/mesh_sample.hpp"

namespace xm {
namespace {

// Every list has something in it.
StatusView full_status() {
  StatusView view;
  view.interface = "wg0";
  view.public_key.emplace().fill(7);
  view.io.backend = "syscall";
  view.workers.push_back({0, 1, 0, {{"sent_datagrams", 12}}, {{"eth0", 0}}});
  view.interfaces.push_back(test::sample_attachment());
  PeerStatus& peer = view.peers.emplace_back();
  peer.endpoint = *Endpoint::parse("192.0.2.1:7");
  peer.path = PeerPath::connected;
  peer.receive_path = PacketPath::xdp;
  peer.last_handshake_seconds = 9;
  view.fallbacks.push_back({"TUN USO", "the kernel is older than 6.2"});
  view.mesh = test::sample_mesh();
  return view;
}

// Whatever may be missing is.
StatusView empty_status() {
  StatusView view;
  view.io.backend = "uring";
  view.workers.push_back({0, -1, -1, {}, {}});
  view.interfaces.emplace_back().queues.emplace_back();
  view.peers.emplace_back();
  MeshStatus& mesh = view.mesh.emplace(test::sample_mesh());
  mesh.clock_skew_seconds.reset();
  mesh.certificate_expires.reset();
  mesh.members.assign(1, MemberStatus());
  mesh.members.front().identity = mesh.identity;
  mesh.members.front().state = "left";
  return view;
}

// A static tunnel has no mesh.
StatusView static_status() {
  StatusView view = full_status();
  view.mesh.reset();
  return view;
}

int exit_status_of(const std::string& command) {
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE("status schema: what is written is valid, and every fault in it is noticed") {
  const test::TemporaryDirectory directory;
  std::ofstream(directory / "lines") << status_json(full_status()) << "\n"
                                     << status_json(empty_status()) << "\n"
                                     << status_json(static_status()) << "\n";
  const std::string check =
      "python3 " XM_SOURCE_DIR "/tests/support/check_status_schema.py " XM_SOURCE_DIR
      "/docs/status-schema.json ";
  const int status = exit_status_of(check + (directory / "lines") + " >&2");
  if (status == 77) XM_SKIP("python3-jsonschema is not installed (tools/deps installs it)");
  CHECK(status == 0);

  // The test of the test: one misspelt member.
  std::string wrong = status_json(full_status());
  wrong.replace(wrong.find("\"rx_reason\""), 11, "\"rx_reasons\"");
  std::ofstream(directory / "wrong") << wrong << "\n";
  CHECK(exit_status_of(check + (directory / "wrong") + " >/dev/null") == 1);
}

}  // namespace xm
