#include "agent/ctl/attachment_status.hpp"

#include <doctest/doctest.h>

#include "agent/ctl/status.hpp"
#include "tests/unit/ctl/attachment_sample.hpp"
#include "xdpmesh/counters.hpp"

namespace xm {

TEST_CASE("attachment status: JSON with every field") {
  const std::string json = interfaces_json({test::sample_attachment()});
  CHECK(json.find('\n') == std::string::npos);
  for (const char* part : {
           R"json({"schema_version":1,"interfaces":[{"name":"eth0","ifindex":3,)json",
           R"json("driver":"virtio_net","mtu":1500,"state":"socket",)json",
           R"json("state_reason":"its queues changed","mode":"auto",)json",
           R"json("program":{"mode":"native","via":"link","id":17,"tag":"0123456789abcdef",)json",
           R"json("pins":"/sys/fs/bpf/xdp-mesh/eth0","adopted":true})json",
           R"json("rx_asked":"auto","rx":"xdp","rx_reason":"packets come one by one",)json",
           R"json("zero_copy_asked":"auto","zero_copy":false,"chunk_size":2048,)json",
           R"json("largest_frame":1792,"busy_poll_microseconds":50,"attached_seconds":12,)json",
           R"json("queues":[{"queue":0,"mode":"copy","reason":"the driver cannot","worker":1,)json",
           R"json("heartbeat_age_milliseconds":90,"rx_ring":{"size":2048,"level":5},)json",
           R"json("fill_ring":{"size":4096,"level":2040},"chunks":2048,"huge_pages":true,)json",
           R"json("counts":{"rx_dropped":0,"rx_invalid_descs":0,"tx_invalid_descs":0,)json",
           R"json("rx_ring_full":7,"rx_fill_ring_empty_descs":0,"tx_ring_empty_descs":0}})json",
           R"json({"queue":1,"mode":"none","reason":"Device or resource busy","worker":null,)json",
           R"json("verdicts":{"redirect":{"packets":1000,"bytes":1474560},)json",
           R"json("drop_bad_mac1":{"packets":2,"bytes":296},)json",
           R"json("steps":[{"what":"dispatcher, native","taken":false,)json",
       }) {
    CAPTURE(part);
    CAPTURE(json);
    CHECK(json.find(part) != std::string::npos);
  }
  for (int verdict = 0; verdict < XM_VERDICT_COUNT; ++verdict) {
    const std::string name(verdict_name(static_cast<xm_verdict>(verdict)));
    CAPTURE(name);
    CHECK(json.find("\"" + name + "\":{\"packets\":") != std::string::npos);
  }
}

TEST_CASE("attachment status: what is not there is null or none") {
  const std::string json = interfaces_json({AttachmentStatus{}});
  CHECK(json.find(R"("program":{"mode":null,"via":null,"id":null,"tag":null,"pins":null,)") !=
        std::string::npos);
  CHECK(interfaces_json({}) == R"({"schema_version":1,"interfaces":[]})");
  AttachmentStatus offloaded;
  offloaded.program.got = AttachMode::native;
  offloaded.program.offloaded = true;
  CHECK(interfaces_json({offloaded}).find(R"("mode":"offload")") != std::string::npos);
}

TEST_CASE("attachment status: every state and queue mode has its word") {
  AttachmentStatus attachment;
  attachment.queues.emplace_back();
  const auto has = [&](const std::string& text) {
    return interfaces_json({attachment}).find(text) != std::string::npos;
  };
  for (const auto& [state, word] : {std::pair{InterfaceState::up, "up"},
                                    {InterfaceState::down, "down"},
                                    {InterfaceState::gone, "gone"},
                                    {InterfaceState::socket, "socket"}}) {
    attachment.state = state;
    CHECK(has(std::string("\"state\":\"") + word + "\""));
  }
  attachment.queues[0].mode = XM_QUEUE_ZEROCOPY;
  CHECK(has("\"mode\":\"zerocopy\""));
}

TEST_CASE("attachment status: text for people") {
  const auto text = interfaces_text(interfaces_json({test::sample_attachment()}));
  REQUIRE(text.ok());
  for (const char* part :
       {"attached: eth0\n", "  state: socket (its queues changed)\n",
        "  device: index 3, driver virtio_net, MTU 1500\n",
        "  XDP: native, by link, program 17, tag 0123456789abcdef, pins in "
        "/sys/fs/bpf/xdp-mesh/eth0, adopted (asked: auto)\n",
        "  receiving: xdp, asked auto (packets come one by one)\n",
        "  queue 0: copy (the driver cannot), worker 1, rx ring 5 of 2048, fill ring 2040 of 4096, "
        "2048 chunks in huge pages, heartbeat 90 ms ago\n",
        "    rx_ring_full: 7\n", "  queue 1: no AF_XDP socket (Device or resource busy)\n",
        "  redirect: 1000 packets, 1.41 MiB (to the AF_XDP socket of its queue)\n",
        "  drop_bad_mac1: 2 packets, 296 B (handshake message whose mac1 does not verify)\n",
        "  refused: dispatcher, native (Operation not permitted)\n"}) {
    CAPTURE(part);
    CAPTURE(text.value());
    CHECK(text.value().find(part) != std::string::npos);
  }
  CHECK(text.value().find("pass_fragment") == std::string::npos);  // zero: not shown
  CHECK(text.value().find("rx_dropped") == std::string::npos);
}

TEST_CASE("attachment status: members of another type than expected are no crash") {
  for (const char* json :
       {R"({"schema_version":1,"interfaces":7})", R"({"schema_version":1,"interfaces":[1,[],"x"]})",
        R"({"schema_version":1,"interfaces":[{"program":[],"queues":{"a":1},"verdicts":[3],)"
        R"("steps":"x"}]})",
        R"({"schema_version":1,"interfaces":[{"queues":[{"mode":"copy","rx_ring":3,"counts":[1]}],)"
        R"("verdicts":{"later":7,"redirect":{"packets":"many"}},"steps":[null]}]})"}) {
    CAPTURE(json);
    CHECK(interfaces_text(json).ok());
  }
  CHECK_FALSE(interfaces_text("[]").ok());
}

TEST_CASE("attachment status: who holds an interface") {
  const std::string json = interfaces_json({test::sample_attachment()});
  CHECK(holds_interface(json, "eth0"));
  CHECK_FALSE(holds_interface(json, "eth"));
  CHECK_FALSE(holds_interface("", "eth0"));
  CHECK_FALSE(holds_interface(R"({"schema_version":1,"error":"no"})", "eth0"));
}

}  // namespace xm
