#include "agent/ctl/uapi_server.hpp"

#include <doctest/doctest.h>

#include <filesystem>

#include "tests/support/temporary_directory.hpp"
#include "tests/unit/ctl/fake_controller.hpp"
#include "tests/unit/ctl/socket_client.hpp"
#include "xdpmesh/log.hpp"

namespace xm {
namespace {

using test::serve_all;
using test::SocketClient;

// What a refusal writes to the log is not what these tests look at.
struct Silence {
  Silence() { log::level = LogLevel::silent; }
  ~Silence() { log::level = LogLevel::info; }
};

struct Lab {
  Lab() {
    UapiServerOptions options;
    options.directory = directory / "wireguard";
    options.interface = "wg0";
    auto opened = UapiServer::open(std::move(options), controller, [this] { ++deletions; });
    REQUIRE(opened.ok());
    server = std::move(opened).value();
  }

  Silence silence;
  test::TemporaryDirectory directory;
  test::FakeController controller;
  int deletions = 0;
  std::unique_ptr<UapiServer> server;
};

}  // namespace

TEST_CASE("uapi server: get and set, several on one connection") {
  Lab lab;
  SocketClient client(lab.server->path());
  CHECK(client.ask(*lab.server, "get=1\n\n") == "listen_port=51820\nerrno=0\n\n");
  CHECK(client.ask(*lab.server, "set=1\nlisten_port=7\n\nget=1\n\n") ==
        "errno=0\n\nlisten_port=51820\nerrno=0\n\n");
  REQUIRE(lab.controller.changes.size() == 1);
  CHECK(lab.controller.changes[0].listen_port == 7);
}

TEST_CASE("uapi server: an error is answered, changes nothing, and the connection goes on") {
  Lab lab;
  SocketClient client(lab.server->path());
  CHECK(client.ask(*lab.server, "set=1\nlisten_port=x\nfwmark=1\n\n") == "errno=-22\n\n");
  CHECK(lab.controller.changes.empty());
  lab.controller.answer = Error{"taken", EADDRINUSE};
  CHECK(client.ask(*lab.server, "set=1\nlisten_port=7\n\n") == "errno=-98\n\n");
  lab.controller.answer = Error{"no errno", 0};
  CHECK(client.ask(*lab.server, "set=1\n\n") == "errno=-5\n\n");
  CHECK(client.ask(*lab.server, "get=1\n\n").ends_with("errno=0\n\n"));
}

TEST_CASE("uapi server: whoever speaks another protocol is closed without a word") {
  Lab lab;
  SocketClient client(lab.server->path());
  CHECK(client.ask(*lab.server, "GET / HTTP/1.1\r\n").empty());
  CHECK(client.closed());
}

TEST_CASE("uapi server: a set cut short by the client's end is refused") {
  Lab lab;
  SocketClient client(lab.server->path());
  client.send("set=1\nlisten_port=7\n");
  client.end_input();
  serve_all(*lab.server);
  CHECK(client.receive() == "errno=-71\n\n");
  CHECK(lab.controller.changes.empty());
}

TEST_CASE("uapi server: half a request of one client does not hold up another") {
  Lab lab;
  SocketClient half(lab.server->path());
  CHECK(half.ask(*lab.server, "set=1\nlisten_port=").empty());
  SocketClient whole(lab.server->path());
  CHECK(whole.ask(*lab.server, "get=1\n\n").ends_with("errno=0\n\n"));
  CHECK(half.ask(*lab.server, "9\n\n") == "errno=0\n\n");
  CHECK(lab.controller.changes.at(0).listen_port == 9);
}

TEST_CASE("uapi server: megabytes in and out") {
  Lab lab;
  std::string set = "set=1\npublic_key=" + std::string(64, '1') + "\n";
  for (int i = 0; i < 130'560; ++i) set += "allowed_ip=2001:db8:1111:2222:3333:4444::/96\n";
  SocketClient client(lab.server->path());
  CHECK(client.ask(*lab.server, set + "\n") == "errno=0\n\n");
  CHECK(lab.controller.changes.at(0).peers.at(0).add_allowed_ips.size() == 130'560);

  lab.controller.peers = 20'000;
  const std::string reply = client.ask(*lab.server, "get=1\n\n");
  CHECK(reply.size() > 4'000'000);
  CHECK(reply.ends_with("errno=0\n\n"));
}

TEST_CASE("uapi server: says once that its socket was deleted") {
  Lab lab;
  serve_all(*lab.server);
  CHECK(lab.deletions == 0);
  std::filesystem::remove(lab.server->path());
  serve_all(*lab.server);
  lab.server->dispatch(SystemClock().now());
  CHECK(lab.deletions == 1);
}

}  // namespace xm
