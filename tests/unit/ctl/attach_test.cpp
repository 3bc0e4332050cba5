#include "agent/ctl/attach.hpp"

#include <doctest/doctest.h>

#include <vector>

namespace xm {
namespace {

std::string line_of(const std::string& members) {
  return "{\"request\":\"attach\",\"interface\":\"eth0\"" + (members.empty() ? "" : "," + members) +
         "}";
}

}  // namespace

TEST_CASE("attach: a request survives its line") {
  AttachRequest request;
  request.interface = "eth0";
  CHECK(attach_request_json(request) ==
        R"({"request":"attach","interface":"eth0","mode":"auto","rx":"auto","queues":"auto",)"
        R"("zero_copy":"auto","chunks":2048,"rx_ring":"auto","fill_ring":"auto",)"
        R"("chunk_size":"auto","busy_poll_microseconds":0,"dry_run":false})");
  request.mode = AttachMode::native;
  request.rx = ReceiveChoice::xdp;
  request.queues = 3;
  request.zero_copy = ZeroCopyChoice::no;
  request.chunks = 4096;
  request.rx_ring = 1024;
  request.fill_ring = 512;
  request.chunk_size = 4096;
  request.busy_poll_microseconds = 50;
  request.dry_run = true;
  const auto parsed = parse_attach_request(attach_request_json(request));
  REQUIRE(parsed.ok());
  const AttachRequest& back = parsed.value();
  CHECK(back.interface == "eth0");
  CHECK(back.mode == AttachMode::native);
  CHECK(back.rx == ReceiveChoice::xdp);
  CHECK(back.queues == 3);
  CHECK(back.zero_copy == ZeroCopyChoice::no);
  CHECK(back.chunks == 4096);
  CHECK(back.rx_ring == 1024);
  CHECK(back.fill_ring == 512);
  CHECK(back.chunk_size == 4096);
  CHECK(back.busy_poll_microseconds == 50);
  CHECK(back.dry_run);
}

TEST_CASE("attach: what is left out has its default") {
  const auto parsed = parse_attach_request(line_of(""));
  REQUIRE(parsed.ok());
  AttachRequest defaults;
  defaults.interface = "eth0";
  CHECK(attach_request_json(parsed.value()) == attach_request_json(defaults));
  const auto spelt = parse_attach_request(attach_request_json(defaults));
  REQUIRE(spelt.ok());
  CHECK(attach_request_json(spelt.value()) == attach_request_json(defaults));
}

TEST_CASE("attach: a wrong member is an error that says what was expected and what came") {
  struct Row {
    std::string line;
    std::string error;
  };
  const std::vector<Row> rows{
      {"", "expected a JSON object, got"},
      {"[]", "expected a JSON object, got an array"},
      {"{\"request\":\"attach\"}", "interface: '' is no name for one: it must have 1 to 15 bytes"},
      {"{\"request\":\"attach\",\"interface\":7}", "interface: expected a text, got 7"},
      {"{\"request\":\"attach\",\"interface\":\"a/b\"}", "must not contain /"},
      {line_of("\"mod\":\"native\""), "unknown member 'mod': expected one of interface, mode, rx,"},
      {line_of("\"mode\":\"offload\""),
       "mode: expected \"auto\", \"native\" or \"generic\", got 'offload'"},
      {line_of("\"mode\":null"), "got null"},
      {line_of("\"rx\":true"), "rx: expected \"auto\", \"xdp\" or \"socket\", got true"},
      {line_of("\"zero_copy\":{}"),
       "zero_copy: expected \"auto\", \"yes\" or \"no\", got an object"},
      {line_of("\"queues\":\"all\""), "queues: expected a number or \"auto\", got 'all'"},
      {line_of("\"queues\":0"), "queues: expected a number from 1 to 64, got 0"},
      {line_of("\"queues\":65"), "queues: expected a number from 1 to 64, got 65"},
      {line_of("\"queues\":-1"), "queues: expected a number or \"auto\", got -1"},
      {line_of("\"queues\":4294967297"), "queues: expected a number or \"auto\", got 4294967297"},
      {line_of("\"queues\":1.5"), "got 1.5"},
      {line_of("\"chunks\":\"auto\""), "chunks: expected a number, got 'auto'"},
      {line_of("\"chunks\":1000"), "chunks: expected a power of two from 128 to 32768, got 1000"},
      {line_of("\"chunks\":64"), "chunks: expected a power of two from 128 to 32768, got 64"},
      {line_of("\"rx_ring\":32"), "rx_ring: expected a power of two from 64"},
      {line_of("\"fill_ring\":65536"), "fill_ring: expected a power of two from 64 to 32768"},
      {line_of("\"chunk_size\":1024"), "chunk_size: expected auto, 2048 or 4096, got 1024"},
      {line_of("\"busy_poll_microseconds\":1000001"), "from 0 to 1000000, got 1000001"},
      {line_of("\"dry_run\":1"), "dry_run: expected true or false, got 1"},
      {line_of("\"mode\":\"generic\",\"zero_copy\":\"yes\""), "mode generic, which always copies"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    const auto parsed = parse_attach_request(row.line);
    REQUIRE_FALSE(parsed.ok());
    CAPTURE(parsed.error().what);
    CHECK(parsed.error().what.find(row.error) != std::string::npos);
  }
}

TEST_CASE("attach: a detach names an interface and nothing else") {
  CHECK(detach_request_json("eth0") == R"({"request":"detach","interface":"eth0"})");
  const auto parsed = parse_detach_request(detach_request_json("eth0"));
  REQUIRE(parsed.ok());
  CHECK(parsed.value() == "eth0");
  CHECK(parse_detach_request(R"({"request":"detach","interface":"eth0","force":true})")
            .error()
            .what == "unknown member 'force': expected one of interface");
  CHECK_FALSE(parse_detach_request(R"({"request":"detach"})").ok());
  CHECK(check_no_members(R"({"request":"status"})").ok());
  CHECK(check_no_members(R"({"request":"status","verbose":1})").error().what ==
        "unknown member 'verbose': expected none");
}

TEST_CASE("attach: the words of its enumerations go there and back") {
  for (const AttachMode mode : {AttachMode::automatic, AttachMode::native, AttachMode::generic}) {
    CHECK(parse_attach_mode(attach_mode_name(mode)) == mode);
  }
  for (const ReceiveChoice rx :
       {ReceiveChoice::automatic, ReceiveChoice::xdp, ReceiveChoice::socket}) {
    CHECK(parse_receive_choice(receive_choice_name(rx)) == rx);
  }
  for (const ZeroCopyChoice wish :
       {ZeroCopyChoice::automatic, ZeroCopyChoice::yes, ZeroCopyChoice::no}) {
    CHECK(parse_zero_copy(zero_copy_name(wish)) == wish);
  }
  CHECK_FALSE(parse_attach_mode("").has_value());
  CHECK_FALSE(parse_receive_choice("XDP").has_value());
}

TEST_CASE("attach: replies as JSON and as text") {
  AttachReply reply{
      "eth0",
      false,
      true,
      {{"dispatcher", false, "Operation not permitted"}, {"native, through a BPF link", true, ""}}};
  const std::string json = attach_reply_json(reply);
  CHECK(json ==
        R"({"schema_version":1,"attach":{"interface":"eth0","dry_run":false,"attached":true,)"
        R"("steps":[{"what":"dispatcher","taken":false,"reason":"Operation not permitted"},)"
        R"({"what":"native, through a BPF link","taken":true,"reason":""}]}})");
  const auto text = attach_reply_text(json);
  REQUIRE(text.ok());
  CHECK(text.value().success);
  CHECK(text.value().text ==
        "eth0: attached\n  refused  dispatcher: Operation not permitted\n"
        "  done     native, through a BPF link\n");

  reply.attached = false;
  CHECK(attach_reply_text(attach_reply_json(reply)).value().text.starts_with("eth0: not attached"));
  CHECK_FALSE(attach_reply_text(attach_reply_json(reply)).value().success);
  reply.dry_run = true;
  CHECK(attach_reply_text(attach_reply_json(reply))
            .value()
            .text.starts_with("eth0: would not be attached"));

  DetachReply gone{"eth0", {{"program taken off", true, ""}}};
  const auto detached = detach_reply_text(detach_reply_json(gone));
  REQUIRE(detached.ok());
  CHECK(detached.value().success);
  CHECK(detached.value().text == "eth0: detached\n  done     program taken off\n");
  gone.steps.push_back({"pins removed", false, "Device or resource busy"});
  CHECK_FALSE(detach_reply_text(detach_reply_json(gone)).value().success);
}

TEST_CASE("attach: what is no reply is an error or no success") {
  CHECK_FALSE(attach_reply_text("").ok());
  CHECK(attach_reply_text(R"({"schema_version":1,"error":"no such interface"})").error().what ==
        "the agent refused: no such interface");
  CHECK_FALSE(attach_reply_text(R"({"schema_version":2,"attach":{}})").ok());
  for (const char* json : {R"({"schema_version":1})", R"({"schema_version":1,"attach":7})",
                           R"({"schema_version":1,"detach":[],"attach":{"steps":{"a":1}}})"}) {
    CAPTURE(json);
    REQUIRE(attach_reply_text(json).ok());
    CHECK_FALSE(attach_reply_text(json).value().success);
    REQUIRE(detach_reply_text(json).ok());
    CHECK_FALSE(detach_reply_text(json).value().success);
  }
}

}  // namespace xm
