#include "agent/ctl/control_server.hpp"

#include <doctest/doctest.h>
#include <grp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <vector>

#include "agent/ctl/unix_listener.hpp"
#include "tests/support/skip.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/ctl/attachment_sample.hpp"
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

TEST_CASE("control server: attach, detach and interfaces reach the node") {
  test::FakeController controller;
  controller.interfaces = {test::sample_attachment()};
  controller.attach_answer = AttachReply{"", false, true, {{"BPF link, native", true, ""}}};
  CHECK(answer_control_request(R"({"request":"interfaces"})", controller) ==
        interfaces_json(controller.interfaces));
  const std::string attached = answer_control_request(
      R"({"request":"attach","interface":"eth0","rx":"xdp","dry_run":true})", controller);
  CHECK(attached == attach_reply_json({"eth0", true, true, {{"BPF link, native", true, ""}}}));
  REQUIRE(controller.attach_requests.size() == 1);
  CHECK(controller.attach_requests[0].rx == ReceiveChoice::xdp);
  CHECK(answer_control_request(R"({"request":"detach","interface":"eth0"})", controller) ==
        detach_reply_json({"eth0", {{"BPF link, native", true, ""}}}));
  CHECK(controller.detach_requests == std::vector<std::string>{"eth0"});

  controller.attach_answer = Error{"there is no interface eth0", ENODEV};
  for (const char* request : {R"({"request":"attach","interface":"eth0"})",
                              R"({"request":"detach","interface":"eth0"})"}) {
    CHECK(answer_control_request(request, controller) ==
          R"({"schema_version":1,"error":"there is no interface eth0"})");
  }
}

TEST_CASE("control server: stop reaches the node, and is answered first") {
  test::FakeController controller;
  CHECK(answer_control_request(R"({"request":"stop"})", controller) ==
        R"({"schema_version":1,"stopping":true})");
  CHECK(controller.stopped);
}

TEST_CASE("control server: a request with a wrong member does not reach the node") {
  test::FakeController controller;
  for (const char* request :
       {R"({"request":"attach"})", R"({"request":"attach","interface":"eth0","queue":1})",
        R"({"request":"detach","interface":7})", R"({"request":"status","interface":"wg0"})",
        R"({"request":"interfaces","json":true})", R"({"request":"stop","interface":"wg0"})"}) {
    CAPTURE(request);
    CHECK(answer_control_request(request, controller)
              .starts_with("{\"schema_version\":1,\"error\":\""));
  }
  CHECK(controller.attach_requests.empty());
  CHECK(controller.detach_requests.empty());
  CHECK_FALSE(controller.stopped);
}

namespace {

// Connects as another user, in a process of its own, and asks; whether there is an answer. The
// server is dispatched meanwhile.
bool is_answered(ControlServer& server, uid_t user, gid_t group, std::vector<gid_t> others) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    char byte = 0;
    const bool lowered = ::setgroups(others.size(), others.data()) == 0 && ::setgid(group) == 0 &&
                         ::setuid(user) == 0;
    const auto socket = connect_to_unix_path(server.path());
    constexpr std::string_view kRequest = "{\"request\":\"status\"}\n";
    const bool asked =
        lowered && socket.ok() &&
        ::send(socket.value().get(), kRequest.data(), kRequest.size(), MSG_NOSIGNAL) > 0;
    pollfd readable{asked ? socket.value().get() : -1, POLLIN, 0};
    ::_exit(asked && ::poll(&readable, 1, 60'000) == 1 && ::recv(readable.fd, &byte, 1, 0) == 1
                ? 0
                : 1);
  }
  int status = 0;
  while (::waitpid(child, &status, WNOHANG) == 0) {
    pollfd readable{server.fd(), POLLIN, 0};
    if (::poll(&readable, 1, /*timeout=*/10) == 1) server.dispatch(SystemClock().now());
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

TEST_CASE("control server: with a group its members are answered, and nobody else") {
  if (::geteuid() != 0) XM_SKIP("needs root");
  constexpr gid_t kGroup = 54321;
  const test::TemporaryDirectory directory;
  REQUIRE(::chmod(directory.path().c_str(), 0755) == 0);
  test::FakeController controller;
  ControlServerOptions options;
  options.directory = directory.path();
  options.name = "wg0";
  options.group = std::to_string(kGroup);
  const auto opened = ControlServer::open(options, controller);
  REQUIRE(opened.ok());
  ControlServer& server = *opened.value();
  CHECK(is_answered(server, 0, 0, {}));
  CHECK(is_answered(server, 54000, kGroup, {}));
  CHECK(is_answered(server, 54000, 54000, {54001, kGroup}));
  CHECK_FALSE(is_answered(server, 54000, 54000, {}));
  // The mode alone would let them in: the kernel's word about the peer is what counts.
  REQUIRE(::chmod(server.path().c_str(), 0666) == 0);
  CHECK_FALSE(is_answered(server, 54000, 54000, {54001}));
  CHECK(is_answered(server, 54000, 54000, {kGroup}));

  options.name = "wg1";
  options.group = "no-such-group-here";
  CHECK_FALSE(ControlServer::open(options, controller).ok());
}

}  // namespace xm
