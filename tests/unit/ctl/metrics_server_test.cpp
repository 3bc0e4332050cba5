#include "agent/ctl/metrics_server.hpp"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <string>

#include "agent/ctl/tcp_listener.hpp"
#include "tests/unit/ctl/fake_controller.hpp"
#include "tests/unit/ctl/socket_client.hpp"

namespace xm {
namespace {

// A port that nobody has now.
Endpoint free_address() {
  const auto listener = listen_on_tcp(*Endpoint::parse("127.0.0.1:0"));
  REQUIRE(listener.ok());
  sockaddr_storage name{};
  socklen_t length = sizeof name;
  REQUIRE(::getsockname(listener.value().get(), reinterpret_cast<sockaddr*>(&name), &length) == 0);
  return Endpoint::from_sockaddr(name);
}

Fd connect_to(const Endpoint& address) {
  sockaddr_storage name{};
  const socklen_t length = address.to_sockaddr(name);
  Fd fd(::socket(name.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), length) == 0);
  return fd;
}

std::string answer(const std::string& path, const std::string& fault = {}) {
  test::FakeController controller;
  return answer_http("GET " + path + " HTTP/1.1\r\n\r\n", controller, [&] { return fault; });
}

}  // namespace

TEST_CASE("metrics server: each path has its answer") {
  CHECK(answer("/metrics").find("xdpmesh_build_info{interface=\"wg0\"") != std::string::npos);
  CHECK(answer("/metrics").find("text/plain; version=0.0.4") != std::string::npos);
  CHECK(answer("/healthz").starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(answer("/").starts_with("HTTP/1.1 404 "));
}

TEST_CASE("metrics server: a loop that does not turn fails liveness, and only that") {
  const std::string health = answer("/healthz", "worker 1 has not turned for 12 s");
  CHECK(health.starts_with("HTTP/1.1 503 "));
  CHECK(health.ends_with("\r\n\r\nworker 1 has not turned for 12 s\n"));
  CHECK(answer("/metrics", "stuck").starts_with("HTTP/1.1 200 OK\r\n"));
}

TEST_CASE("metrics server: a device that is down fails readiness, not liveness") {
  const std::string readiness = answer("/readyz");  // the fake's device is down
  CHECK(readiness.starts_with("HTTP/1.1 503 "));
  CHECK(readiness.find("is down") != std::string::npos);
  CHECK(answer("/healthz").starts_with("HTTP/1.1 200 "));
}

TEST_CASE("metrics server: serves a request in pieces, and closes") {
  test::FakeController controller;
  const Endpoint address = free_address();
  const auto opened = MetricsServer::open(address, controller, [] { return std::string(); });
  REQUIRE(opened.ok());
  test::SocketClient client(connect_to(address));
  CHECK(client.ask(*opened.value(), "GET /heal").empty());
  const std::string reply = client.ask(*opened.value(), "thz HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(reply.ends_with("\r\n\r\nok\n"));
  CHECK(client.closed());

  test::SocketClient talker(connect_to(address));
  CHECK(
      talker.ask(*opened.value(), "GET /" + std::string(10'000, 'x')).starts_with("HTTP/1.1 431 "));
  CHECK(talker.closed());
}

TEST_CASE("metrics server: a taken port is an error that names it") {
  test::FakeController controller;
  const auto taken = listen_on_tcp(*Endpoint::parse("127.0.0.1:0"));
  REQUIRE(taken.ok());
  sockaddr_storage name{};
  socklen_t length = sizeof name;
  REQUIRE(::getsockname(taken.value().get(), reinterpret_cast<sockaddr*>(&name), &length) == 0);
  const Endpoint address = Endpoint::from_sockaddr(name);
  const auto opened = MetricsServer::open(address, controller, [] { return std::string(); });
  REQUIRE_FALSE(opened.ok());
  CHECK(opened.error().os_errno == EADDRINUSE);
  CHECK(opened.error().what.find(address.to_string()) != std::string::npos);
}

}  // namespace xm
