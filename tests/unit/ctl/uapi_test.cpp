#include "agent/ctl/uapi.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace xm {
namespace {

const std::string kHexA(64, 'a');
const std::string kHexB = std::string(62, '0') + "1f";

UapiRequest parse(const std::string& text) {
  UapiParser parser;
  CHECK(parser.feed(text) == text.size());
  REQUIRE(parser.complete());
  return parser.take();
}

// Everything of a change, as lines; what is not set is left out.
std::string describe(const InterfaceChange& change) {
  std::string text;
  const auto hex = [](Bytes bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string digits;
    for (const auto byte : bytes) {
      digits += kDigits[byte >> 4];
      digits += kDigits[byte & 15];
    }
    return digits;
  };
  if (change.private_key) text += "private " + hex(change.private_key->expose()) + "\n";
  if (change.listen_port) text += "port " + std::to_string(*change.listen_port) + "\n";
  if (change.fwmark) text += "mark " + std::to_string(*change.fwmark) + "\n";
  if (change.replace_peers) text += "replace peers\n";
  for (const PeerChange& peer : change.peers) {
    text += "peer " + hex(peer.public_key) + "\n";
    if (peer.remove) text += "remove\n";
    if (peer.update_only) text += "update only\n";
    if (peer.preshared_key) text += "preshared " + hex(peer.preshared_key->expose()) + "\n";
    if (peer.endpoint) text += "endpoint " + peer.endpoint->to_string() + "\n";
    if (peer.persistent_keepalive) {
      text += "keepalive " + std::to_string(*peer.persistent_keepalive) + "\n";
    }
    if (peer.replace_allowed_ips) text += "replace\n";
    for (const Prefix& prefix : peer.add_allowed_ips) text += "+" + prefix.to_string() + "\n";
    for (const Prefix& prefix : peer.remove_allowed_ips) text += "-" + prefix.to_string() + "\n";
  }
  return text;
}

}  // namespace

TEST_CASE("uapi: what a set means") {
  const std::string peer = "public_key=" + kHexA + "\n";
  const std::string described = "peer " + kHexA + "\n";
  struct Row {
    const char* why;
    std::string lines;
    std::string expected;
  };
  const std::vector<Row> rows{
      {"nothing", "", ""},
      {"interface",
       "private_key=" + kHexB + "\nlisten_port=51820\nfwmark=4294967295\nreplace_peers=true\n",
       "private " + kHexB + "\nport 51820\nmark 4294967295\nreplace peers\n"},
      {"zeroes", "private_key=" + std::string(64, '0') + "\nlisten_port=0\nfwmark=0\n",
       "private " + std::string(64, '0') + "\nport 0\nmark 0\n"},
      {"upper-case digits", "private_key=" + std::string(64, 'A') + "\n",
       "private " + kHexA + "\n"},
      {"the last of two wins", "listen_port=1\nlisten_port=2\n", "port 2\n"},
      {"a peer",
       peer + "preshared_key=" + kHexB +
           "\nprotocol_version=1\nendpoint=192.0.2.1:51820\n"
           "persistent_keepalive_interval=25\nreplace_allowed_ips=true\n"
           "allowed_ip=10.0.0.0/8\nallowed_ip=fd00::/8\n",
       described + "preshared " + kHexB +
           "\nendpoint 192.0.2.1:51820\nkeepalive 25\nreplace\n+10.0.0.0/8\n+fd00::/8\n"},
      {"two peers", peer + "remove=true\npublic_key=" + kHexB + "\nupdate_only=true\n",
       described + "remove\npeer " + kHexB + "\nupdate only\n"},
      {"the same peer twice", peer + "allowed_ip=10.0.0.1/32\n" + peer + "remove=true\n",
       described + "+10.0.0.1/32\n" + described + "remove\n"},
      {"IPv6 endpoint", peer + "endpoint=[2001:db8::1]:1\n",
       described + "endpoint [2001:db8::1]:1\n"},
      {"zone as a number", peer + "endpoint=[fe80::1%7]:65535\n",
       described + "endpoint [fe80::1%7]:65535\n"},
      {"zone as a name", peer + "endpoint=[fe80::1%lo]:2\n",
       described + "endpoint [fe80::1%1]:2\n"},
      {"host bits are cleared", peer + "allowed_ip=10.1.2.3/8\n", described + "+10.0.0.0/8\n"},
      {"default routes", peer + "allowed_ip=0.0.0.0/0\nallowed_ip=::/0\n",
       described + "+0.0.0.0/0\n+::/0\n"},
      {"removed allowed IP", peer + "allowed_ip=10.0.0.0/8\nallowed_ip=-10.0.0.0/8\n",
       described + "+10.0.0.0/8\n-10.0.0.0/8\n"},
      {"added again after its removal: a change of its own, to keep the order",
       peer + "allowed_ip=-10.0.0.0/8\nallowed_ip=10.0.0.0/8\n",
       described + "-10.0.0.0/8\n" + described + "update only\n+10.0.0.0/8\n"},
      {"allowed IPs before replace_allowed_ips are among the replaced",
       peer + "allowed_ip=10.0.0.0/8\nreplace_allowed_ips=true\nallowed_ip=::/0\n",
       described + "replace\n+::/0\n"},
      {"keepalive off", peer + "persistent_keepalive_interval=0\n", described + "keepalive 0\n"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    const UapiRequest request = parse("set=1\n" + row.lines + "\n");
    CHECK(request.operation == UapiOperation::set);
    CHECK(request.outcome.ok());
    CHECK(describe(request.change) == row.expected);
  }
}

TEST_CASE("uapi: what is refused, with which errno and which words") {
  const std::string peer = "public_key=" + kHexA + "\n";
  struct Row {
    std::string request;
    int os_errno;
    std::string words;  // part of the sentence
  };
  const std::vector<Row> rows{
      {"get=1\nlisten_port=1\n\n", EINVAL, "line 2 of the request: a get is followed by"},
      {"set=1\nlisten_port\n\n", EPROTO, "line 2 of the request: expected key=value"},
      {"set=1\nlisten_port=70000\n\n", EINVAL, "listen_port: expected a number from 0 to 65535"},
      {"set=1\nlisten_port=-1\n\n", EINVAL, "got '-1'"},
      {"set=1\nlisten_port=+1\n\n", EINVAL, "got '+1'"},
      {"set=1\nlisten_port= 1\n\n", EINVAL, "got ' 1'"},
      {"set=1\nlisten_port=\n\n", EINVAL, "got ''"},
      {"set=1\nlisten_port=1\r\n\n", EINVAL, "control character"},
      {"set=1\nfwmark=4294967296\n\n", EINVAL, "fwmark: expected a number from 0 to 4294967295"},
      {"set=1\nfwmark=0x1\n\n", EINVAL, "got '0x1'"},
      {"set=1\nreplace_peers=false\n\n", EINVAL, "replace_peers: expected true, got 'false'"},
      {"set=1\nprivate_key=00\n\n", EINVAL, "expected 64 hexadecimal digits, got 2 characters"},
      {"set=1\npublic_key=" + std::string(65, '0') + "\n\n", EINVAL, "got 65 characters"},
      {"set=1\npublic_key=" + std::string(64, 'g') + "\n\n", EINVAL, "not all are such digits"},
      {"set=1\nendpoint=192.0.2.1:1\n\n", EINVAL, "unknown key 'endpoint'; before the first"},
      {"set=1\n=1\n\n", EINVAL, "unknown key ''"},
      {"set=1\n" + peer + "listen_port=1\n\n", EINVAL, "unknown key 'listen_port'; after a"},
      {"set=1\n" + peer + "preshared_key=zz\n\n", EINVAL, "line 3 of the request: preshared_key"},
      {"set=1\n" + peer + "endpoint=192.0.2.1\n\n", EINVAL, "endpoint: expected IPV4:PORT"},
      {"set=1\n" + peer + "endpoint=2001:db8::1:1\n\n", EINVAL, "endpoint: expected"},
      {"set=1\n" + peer + "endpoint=[192.0.2.1]:1\n\n", EINVAL, "endpoint: expected"},
      {"set=1\n" + peer + "endpoint=host.example:1\n\n", EINVAL, "got 'host.example:1'"},
      {"set=1\n" + peer + "endpoint=192.0.2.1:65536\n\n", EINVAL, "endpoint: expected"},
      {"set=1\n" + peer + "endpoint=[fe80::1%nosuch0]:1\n\n", EINVAL, "endpoint: expected"},
      {"set=1\n" + peer + "endpoint=[fe80::1%]:1\n\n", EINVAL, "endpoint: expected"},
      {"set=1\n" + peer + "endpoint=[fe80::1%" + std::string(90, 'x') + "]:1\n\n", EINVAL,
       "got a text of 102 bytes"},
      {"set=1\n" + peer + "persistent_keepalive_interval=65536\n\n", EINVAL, "0 to 65535"},
      {"set=1\n" + peer + "protocol_version=2\n\n", EINVAL, "protocol_version: expected 1"},
      {"set=1\n" + peer + "remove=1\n\n", EINVAL, "remove: expected true"},
      {"set=1\n" + peer + "update_only=\n\n", EINVAL, "update_only: expected true"},
      {"set=1\n" + peer + "replace_allowed_ips=no\n\n", EINVAL, "expected true, got 'no'"},
      {"set=1\n" + peer + "allowed_ip=10.0.0.0\n\n", EINVAL, "allowed_ip: expected ADDRESS/"},
      {"set=1\n" + peer + "allowed_ip=10.0.0.0/33\n\n", EINVAL, "got '10.0.0.0/33'"},
      {"set=1\n" + peer + "allowed_ip=::/129\n\n", EINVAL, "got '::/129'"},
      {"set=1\n" + peer + "allowed_ip=--10.0.0.0/8\n\n", EINVAL, "got '--10.0.0.0/8'"},
      {"set=1\n" + peer + "allowed_ip=10.0.0.0/8/8\n\n", EINVAL, "allowed_ip: expected"},
      {"set=1\n" + peer + "allowed_ip=10.0.0.0" + std::string(1, '\0') + "/8\n\n", EINVAL,
       "control character"},
      {"set=1\n" + std::string(300, 'x') + "\n\n", EPROTO, "longer than 256 bytes"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.request);
    const UapiRequest request = parse(row.request);
    REQUIRE_FALSE(request.outcome.ok());
    CHECK(request.outcome.error().os_errno == row.os_errno);
    CAPTURE(request.outcome.error().what);
    CHECK(request.outcome.error().what.find(row.words) != std::string::npos);
    CHECK(describe(request.change).empty());  // nothing of it takes effect
  }
}

TEST_CASE("uapi: the first wrong line is the one that is told") {
  const UapiRequest request = parse("set=1\nfwmark=x\nlisten_port=y\nnonsense\n\n");
  CHECK(request.outcome.error().what.find("line 2") != std::string::npos);
}

TEST_CASE("uapi: no error tells a key, wherever it strayed to") {
  const std::string secret = "c0ffee" + std::string(58, '7');
  for (const std::string& line :
       {"private_key=" + secret + "0", "private_key=" + secret.substr(1), "listen_port=" + secret,
        secret + "=1", secret, "public_key=" + secret.substr(2), "endpoint=" + secret,
        "privatekey=" + secret}) {
    const UapiRequest request = parse("set=1\n" + line + "\n\n");
    REQUIRE_FALSE(request.outcome.ok());
    CHECK(request.outcome.error().what.find("c0ffee") == std::string::npos);
    CHECK(request.outcome.error().what.find("7777") == std::string::npos);
  }
}

TEST_CASE("uapi: a request may come in any pieces, and others may follow it") {
  const std::string first = "set=1\nlisten_port=7\npublic_key=" + kHexA + "\nallowed_ip=::/0\n\n";
  const std::string both = first + "get=1\n\n";
  for (std::size_t piece = 1; piece <= both.size(); ++piece) {
    UapiParser parser;
    std::string rest = both;
    std::vector<UapiRequest> requests;
    while (!rest.empty()) {
      const std::size_t taken = parser.feed(std::string_view(rest).substr(0, piece));
      rest.erase(0, taken);
      if (parser.complete()) {
        CHECK(parser.feed("get=1\n\n") == 0);  // takes no more before take()
        requests.push_back(parser.take());
      }
    }
    REQUIRE(requests.size() == 2);
    CHECK(describe(requests[0].change) == "port 7\npeer " + kHexA + "\n+::/0\n");
    CHECK(requests[1].operation == UapiOperation::get);
    CHECK(requests[1].outcome.ok());
    CHECK(parser.between_requests());
  }
}

TEST_CASE("uapi: a first line that is no operation ends the conversation") {
  for (const std::string& text :
       {std::string("\n"), std::string("get=2\n"), std::string("GET / HTTP/1.1\r\n"),
        std::string("get=1 \n"), std::string(300, 'x'), "get=1" + std::string(300, 'x') + "\n"}) {
    CAPTURE(text);
    UapiParser parser;
    parser.feed(text);
    CHECK(parser.not_uapi());
    CHECK_FALSE(parser.complete());
    CHECK(parser.feed("get=1\n\n") == 0);
  }
}

TEST_CASE("uapi: the end of the stream in the middle of a request is an error") {
  for (const char* text : {"get=1\n", "set=1\n", "set=1\nlisten_port=1\n", "set=1\nlis"}) {
    CAPTURE(text);
    UapiParser parser;
    parser.feed(text);
    parser.finish();
    REQUIRE(parser.complete());
    const UapiRequest request = parser.take();
    CHECK(request.outcome.error().os_errno == EPROTO);
    CHECK(describe(request.change).empty());
  }
  UapiParser wrong_before;
  wrong_before.feed("set=1\nfwmark=x\n");
  wrong_before.finish();
  CHECK(wrong_before.take().outcome.error().os_errno == EINVAL);

  UapiParser half_an_operation;
  half_an_operation.feed("ge");
  half_an_operation.finish();
  CHECK(half_an_operation.not_uapi());

  UapiParser nothing;
  nothing.finish();
  CHECK(nothing.between_requests());
}

TEST_CASE("uapi: 130,560 allowed IPs in one set") {
  std::string text = "set=1\npublic_key=" + kHexA + "\nreplace_allowed_ips=true\n";
  constexpr unsigned kCount = 130'560;
  for (unsigned i = 0; i < kCount; ++i) {
    text += "allowed_ip=10." + std::to_string(i >> 16) + "." + std::to_string(i >> 8 & 255) + "." +
            std::to_string(i & 255) + "/32\n";
  }
  const UapiRequest request = parse(text + "\n");
  REQUIRE(request.outcome.ok());
  REQUIRE(request.change.peers.size() == 1);
  CHECK(request.change.peers[0].add_allowed_ips.size() == kCount);
  CHECK(request.change.peers[0].add_allowed_ips.back().to_string() == "10.1.253.255/32");
}

TEST_CASE("uapi: a request without end is cut off") {
  UapiParser parser;
  parser.feed("set=1\npublic_key=" + kHexA + "\n");
  const std::string chunk = [] {
    std::string lines;
    while (lines.size() < 1U << 20) lines += "replace_allowed_ips=true\n";
    return lines;
  }();
  for (std::size_t sent = 0; sent <= kUapiMaxRequest; sent += chunk.size()) parser.feed(chunk);
  parser.feed("\n");
  REQUIRE(parser.complete());
  CHECK(parser.take().outcome.error().os_errno == E2BIG);
}

TEST_CASE("uapi: the answer to a get, byte for byte") {
  InterfaceView view;
  CHECK(std::string(format_view(view).c_str()).empty());

  view.private_key.expose_mutable()[31] = 0x1f;
  view.listen_port = 51820;
  view.fwmark = 51;
  PeerView& peer = view.peers.emplace_back();
  peer.public_key.fill(0xaa);
  PeerView& other = view.peers.emplace_back();
  other.public_key.fill(0xbb);
  other.preshared_key.expose_mutable()[31] = 0x1f;
  other.endpoint = *Endpoint::parse("[fe80::1%3]:7");
  other.persistent_keepalive = 25;
  other.last_handshake = {1'700'000'000'000'000'123};
  other.sent_bytes = UINT64_MAX;
  other.received_bytes = 2;
  other.allowed_ips = {*Prefix::parse("10.0.0.0/8"), *Prefix::parse("fd00::1")};
  const std::string expected = "private_key=" + kHexB +
                               "\nlisten_port=51820\nfwmark=51\n"
                               "public_key=" +
                               kHexA + "\npreshared_key=" + std::string(64, '0') +
                               "\nprotocol_version=1\nlast_handshake_time_sec=0\n"
                               "last_handshake_time_nsec=0\ntx_bytes=0\nrx_bytes=0\n"
                               "persistent_keepalive_interval=0\n"
                               "public_key=" +
                               std::string(64, 'b') + "\npreshared_key=" + kHexB +
                               "\nprotocol_version=1\nendpoint=[fe80::1%3]:7\n"
                               "last_handshake_time_sec=1700000000\nlast_handshake_time_nsec=123\n"
                               "tx_bytes=18446744073709551615\nrx_bytes=2\n"
                               "persistent_keepalive_interval=25\nallowed_ip=10.0.0.0/8\n"
                               "allowed_ip=fd00::1/128\n";
  CHECK(std::string(format_view(view).c_str()) == expected);
}

TEST_CASE("uapi: what a get says can be set again") {
  InterfaceView view;
  view.private_key.expose_mutable()[0] = 9;
  view.listen_port = 1;
  PeerView& peer = view.peers.emplace_back();
  peer.endpoint = *Endpoint::parse("192.0.2.7:99");
  peer.allowed_ips = {*Prefix::parse("::/0")};
  std::string settable = "set=1\n";
  const std::string shown(format_view(view).c_str());
  for (std::size_t at = 0; at < shown.size(); at = shown.find('\n', at) + 1) {
    const std::string line = shown.substr(at, shown.find('\n', at) + 1 - at);
    const bool is_measured = line.starts_with("last_") || line.find("_bytes") != std::string::npos;
    if (!is_measured) settable += line;
  }
  const UapiRequest request = parse(settable + "\n");
  REQUIRE(request.outcome.ok());
  CHECK(*request.change.private_key == view.private_key);
  CHECK(*request.change.peers.at(0).endpoint == peer.endpoint);
  CHECK(request.change.peers.at(0).add_allowed_ips == peer.allowed_ips);
}

TEST_CASE("uapi: errors go out negative, as wireguard-go sends them") {
  CHECK(std::string(format_errno(0).c_str()) == "errno=0\n\n");
  CHECK(std::string(format_errno(EINVAL).c_str()) == "errno=-22\n\n");
}

}  // namespace xm
