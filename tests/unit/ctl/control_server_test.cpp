#include "agent/ctl/control_server.hpp"

#include <doctest/doctest.h>

#include "tests/support/temporary_directory.hpp"
#include "tests/unit/ctl/fake_controller.hpp"
#include "tests/unit/ctl/socket_client.hpp"
#include "xdpmesh/network_namespace.hpp"

namespace xm {

TEST_CASE("control server: one request a line, one reply a line") {
  const test::TemporaryDirectory directory;
  test::FakeController controller;
  ControlServerOptions options;
  options.directory = directory.path();
  options.name = "wg0@17";
  const auto opened = ControlServer::open(std::move(options), controller);
  REQUIRE(opened.ok());
  ControlServer& server = *opened.value();
  CHECK(server.path() == directory / "wg0@17.sock");

  test::SocketClient client(server.path());
  const std::string status = status_json(controller.status()) + "\n";
  CHECK(client.ask(server, "{\"request\":\"status\"}\n") == status);
  CHECK(client.ask(server, "{\"request\":\"status\"}\n{\"request\"") == status);
  CHECK(client.ask(server, ":\"status\"}\n") == status);

  test::SocketClient talker(server.path());
  const std::string reply = talker.ask(server, std::string(10'000, 'x'));
  CHECK(reply.find("longer than 4096 bytes") != std::string::npos);
  CHECK(talker.closed());

  test::SocketClient without_line_end(server.path());
  without_line_end.send("{\"request\":\"status\"}");
  without_line_end.end_input();
  test::serve_all(server);
  CHECK(without_line_end.receive() == status);
}

TEST_CASE("control server: what it does not understand is answered with an error") {
  test::FakeController controller;
  struct Row {
    std::string line;
    std::string words;
  };
  for (const Row& row : {Row{"", "expected a JSON object"}, Row{"[1]", "expected a JSON object"},
                         Row{"{\"request\":", "expected a JSON object"},
                         Row{"{}", "expected a text"}, Row{"{\"request\":1}", "expected a text"},
                         Row{"{\"request\":\"reboot\"}", "unknown request 'reboot'"},
                         Row{"{\"request\":\"a\\u0007\"}", "unknown request 'a?'"},
                         Row{std::string(4000, '['), "expected a JSON object"}}) {
    CAPTURE(row.line);
    const std::string reply = answer_control_request(row.line, controller);
    CHECK(reply.starts_with("{\"schema_version\":1,\"error\":\""));
    CHECK(reply.find(row.words) != std::string::npos);
    CHECK(reply.find('\n') == std::string::npos);
    CHECK_FALSE(status_text(reply).ok());
  }
}

TEST_CASE("control server: the socket's name says the network namespace unless it is the first") {
  const std::string name = control_socket_name("wg0");
  const bool plain = name == "wg0";
  const bool with_inode = name == "wg0@" + std::to_string(network_namespace_inode());
  CHECK((plain || with_inode));
}

}  // namespace xm
