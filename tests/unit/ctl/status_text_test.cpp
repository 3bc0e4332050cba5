// The text for people; agent/ctl/status_text.cpp.
#include <doctest/doctest.h>

#include "agent/ctl/status.hpp"
#include "tests/unit/ctl/attachment_sample.hpp"
#include "tests/unit/ctl/mesh_sample.hpp"

namespace xm {

TEST_CASE("status text: what a person wants to know") {
  StatusView view;
  view.interface = "wg0";
  view.aead = {"libsodium", "openssl", 256, "measured"};
  view.tun.name = "wg0";
  view.tun.capabilities.tso6 = true;
  view.drops[XM_DROP_bad_tag] = 3;
  view.udp.receive_buffer = 425984;
  view.workers.push_back({0, -1, 0, {{"sent_datagrams", 12}}, {{"eth0", 3}}});
  view.peers.emplace_back().gso_reason = "EIO on a segmented send";
  view.fallbacks.push_back({"TUN USO", "the kernel is older than 6.2"});
  const auto text = status_text(status_json(view));
  REQUIRE(text.ok());
  for (const char* part :
       {"interface: wg0\n", "AEAD: libsodium up to 256 B, openssl above (measured)\n",
        "offloads: tso6\n", "receive 416.00 KiB of 0 B asked", "fallbacks:\n",
        "  TUN USO: the kernel is older than 6.2\n", "worker: 0\n", "  CPU: not pinned\n",
        "  sent_datagrams: 12\n", "  latest handshake: never\n",
        "  GSO: off (EIO on a segmented send)\n",
        "  bad_tag: 3 (authentication tag does not verify)\n"}) {
    CAPTURE(part);
    CAPTURE(text.value());
    CHECK(text.value().find(part) != std::string::npos);
  }
  CHECK(text.value().find("unknown_index") == std::string::npos);  // zero: not shown
}

TEST_CASE("status text: an unknown counter and missing members are no error") {
  const auto text = status_text(R"({"schema_version":1,"drops":{"later":1},"new":{"a":[1]}})");
  REQUIRE(text.ok());
  CHECK(text.value().find("  later: 1\n") != std::string::npos);
}

TEST_CASE("status text: members of another type than expected are no crash") {
  for (const char* json :
       {R"({"schema_version":1,"aead":1,"tun":[],"udp":"x","workers":7,"drops":[1],"peers":{}})",
        R"({"schema_version":1,"workers":[1,"x",null],"peers":[[]],"fallbacks":"x"})",
        R"({"schema_version":1,"udp":{"receive_buffer":-1},"drops":"x","peers":null})"}) {
    CHECK(status_text(json).ok());
  }
}

TEST_CASE("status text: what is no status is an error that says so") {
  CHECK(status_text("").error().what.find("no JSON object") != std::string::npos);
  CHECK(status_text("{\"schema_version\":1,\"error\":\"no\"}").error().what ==
        "the agent refused: no");
  CHECK(check_reply("{\"schema_version\":2}").ok());  // JSON is for programs: they may know it
  CHECK_FALSE(check_reply("[]").ok());
  CHECK_FALSE(check_reply("{\"error\":\"no\"}").ok());
  CHECK(status_text("{\"schema_version\":2}").error().what.find("schema version 2") !=
        std::string::npos);
}

TEST_CASE("status text: attached interfaces, their workers and the path of a peer's last packet") {
  StatusView view;
  view.interface = "wg0";
  view.workers.push_back({0, -1, 0, {}, {{"eth0", 0}, {"eth1", 3}}});
  view.interfaces.push_back(test::sample_attachment());
  view.peers.emplace_back().receive_path = PacketPath::xdp;
  const auto text = status_text(status_json(view));
  REQUIRE(text.ok());
  for (const char* part :
       {"  AF_XDP: eth0 queue 0, eth1 queue 3\n", "attached: eth0\n", "  last packet by: xdp\n"}) {
    CAPTURE(part);
    CAPTURE(text.value());
    CHECK(text.value().find(part) != std::string::npos);
  }
}

TEST_CASE("status text: the mesh, its members, and what is wrong with them") {
  StatusView view;
  view.interface = "wg0";
  view.mesh = test::sample_mesh();
  const auto text = status_text(status_json(view));
  REQUIRE(text.ok());
  for (const char* part :
       {"mesh: home\n", "  addresses: 100.64.12.9, fd00::9\n",
        "  state: joined, incarnation 3, record 12 until 2023-11-14T22:13:20Z\n",
        "  certificate until: 2024-03-09T16:00:00Z\n",
        "  NAT mapping: endpoint-independent (203.0.113.7:61820)\n",
        "  fault: orgs/acme: its checksum is wrong\n",
        "  seed mesh.example:51820: unresolved (no such name)\n", "  member gate: xm1bbbb",
        "state: suspect, reach silent (it answers others", "subnets: 192.168.4.0/24\n",
        "endpoint: 192.0.2.1:51820\n", "trusted by: authorized key gate\n",
        "not granted: name printer\n", "clock ahead of ours, seconds: -3\n"}) {
    CAPTURE(part);
    CAPTURE(text.value());
    CHECK(text.value().find(part) != std::string::npos);
  }
}

TEST_CASE("status text: a mesh of another shape than expected is no crash") {
  for (
      const char* json :
      {R"({"schema_version":1,"mesh":1})",
       R"({"schema_version":1,"mesh":{"members":7,"seeds":{}}})",
       R"({"schema_version":1,"mesh":{"members":[1,[],{"names":[2]}],"faults":[{}],"nat":"x"}})"}) {
    CHECK(status_text(json).ok());
  }
}

TEST_CASE("status text: what went through an agent, all peers added up") {
  StatusView view;
  view.interface = "wg0";
  view.network_namespace = 17;
  view.peers.emplace_back().received_bytes = 5;
  view.peers.emplace_back().received_bytes = 7;
  view.peers.back().sent_bytes = 11;
  const auto traffic = status_traffic(status_json(view));
  REQUIRE(traffic.ok());
  CHECK(traffic.value().agent == "wg0@17");
  CHECK(traffic.value().received_bytes == 12);
  CHECK(traffic.value().sent_bytes == 11);
  CHECK_FALSE(status_traffic("[]").ok());
}

}  // namespace xm
