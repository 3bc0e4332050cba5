#include "agent/ctl/status.hpp"

#include <doctest/doctest.h>

#include <algorithm>

namespace xm {
namespace {

StatusView example() {
  StatusView view;
  view.interface = "wg0";
  view.network_namespace = 4026531840;
  view.pid = 77;
  view.uptime_seconds = 5;
  view.public_key.emplace().fill(0xff);
  view.listen_port = 51820;
  view.io_backend = "sockets (recvmmsg, sendmmsg)";
  view.io = {"syscall", "chosen by --io"};
  view.aead = {"libsodium", "ipsec-mb (AVX2)", 256, "measured"};
  view.tun.name = "wg0";
  view.tun.up = true;
  view.tun.mtu = 1420;
  view.tun.queues = 2;
  view.tun.capabilities.tso4 = true;
  view.udp.gro = true;
  view.udp.receive_buffer_asked = 4 << 20;
  view.udp.receive_buffer = 425984;
  view.workers.push_back({0, 1, 0, {{"sent_datagrams", 12}}, {{"eth0", 3}}});
  view.workers.push_back({1, -1, -1, {}, {}});
  view.drops[XM_DROP_bad_tag] = 3;
  PeerStatus& peer = view.peers.emplace_back();
  peer.public_key.fill(0);
  peer.endpoint = *Endpoint::parse("192.0.2.1:7");
  peer.path = PeerPath::connected;
  peer.received_bytes = 1536;
  peer.last_handshake_seconds = 9;
  peer.gso_reason = "EIO on a segmented send";
  view.peers.emplace_back();
  view.fallbacks.push_back({"TUN USO", "the kernel is older than 6.2"});
  return view;
}

}  // namespace

TEST_CASE("status: JSON of one line with every field") {
  const std::string json = status_json(example());
  CHECK(json.find('\n') == std::string::npos);
  for (
      const char* part : {
          R"json({"schema_version":1,"version":")json",
          R"json("interface":"wg0","network_namespace":4026531840,"pid":77,"uptime_seconds":5)json",
          R"json("public_key":"//////////////////////////////////////////8=","listen_port":51820)json",
          R"json("aead":{"small":"libsodium","large":"ipsec-mb (AVX2)","small_limit":256,)json",
          R"json("tun":{"name":"wg0","up":true,"mtu":1420,"queues":2,"multi_queue":false,)json",
          R"json("receive_buffer_asked":4194304,"receive_buffer":425984)json",
          R"json([{"id":0,"cpu":1,"tun_queue":0,"counters":{"sent_datagrams":12},"queues":[{"interface":"eth0","queue":3}]},)json",
          R"json({"id":1,"cpu":null,"tun_queue":null,"counters":{},"queues":[]}])json",
          R"json("bad_tag":3,"inner_malformed":0)json",
          R"json("endpoint":"192.0.2.1:7","path":"connected","receive_path":"none","received_bytes":1536)json",
          R"json("endpoint":null,"path":"none")json",
          R"json("fallbacks":[{"what":"TUN USO","reason":"the kernel is older than 6.2"}])json",
      }) {
    CAPTURE(part);
    CAPTURE(json);
    CHECK(json.find(part) != std::string::npos);
  }
}

TEST_CASE("status: a name that is no UTF-8 is replaced, not a crash") {
  StatusView view;
  view.interface = "wg\xff";
  CHECK(status_json(view).find("\"wg\xef\xbf\xbd\"") != std::string::npos);
}

TEST_CASE("status: nothing at all is printable too") {
  const auto text = status_text(status_json(StatusView{}));
  REQUIRE(text.ok());
  CHECK(text.value().find("public key: (none)") != std::string::npos);
}

}  // namespace xm
