#include "agent/cli/attach_client.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <string>
#include <vector>

#include "agent/ctl/control_server.hpp"
#include "agent/ctl/unix_listener.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/cli/agent_in_thread.hpp"
#include "tests/unit/cli/captured.hpp"
#include "tests/unit/ctl/attachment_sample.hpp"
#include "tests/unit/ctl/fake_controller.hpp"

namespace xm {
namespace {

AttachCommand attach_to(const std::string& interface, const std::string& to = {}) {
  AttachCommand command;
  command.request.interface = interface;
  command.to = to;
  return command;
}

// For commands that must not come so far.
Status no_remains(const std::string&) {
  return Error{"there is nothing", ENOENT};
}

}  // namespace

TEST_CASE("attach client: the only agent is asked, and what it did is shown") {
  const test::TemporaryDirectory directory;
  test::FakeController controller;
  controller.attach_answer = AttachReply{"", false, true, {{"BPF link, native", true, ""}}};
  test::AgentInThread agent(directory.path(), control_socket_name("wg0"), controller);
  test::Captured captured;
  AttachCommand command = attach_to("eth0");
  command.request.queues = 2;
  CHECK(attach(command, directory.path(), {captured.out(), captured.err()}) == 0);
  CHECK(captured.out_text() == "eth0: attached\n  done     BPF link, native\n");
  CHECK(captured.err_text().empty());
  agent.stop();
  REQUIRE(controller.attach_requests.size() == 1);
  CHECK(controller.attach_requests[0].interface == "eth0");
  CHECK(controller.attach_requests[0].queues == 2);
}

TEST_CASE("attach client: JSON is the agent's reply") {
  const test::TemporaryDirectory directory;
  test::FakeController controller;
  test::AgentInThread agent(directory.path(), control_socket_name("wg0"), controller);
  test::Captured captured;
  AttachCommand command = attach_to("eth0");
  command.json = true;
  CHECK(attach(command, directory.path(), {captured.out(), captured.err()}) == 1);  // not attached
  CHECK(captured.out_text() == attach_reply_json({"eth0", false, false, {}}) + "\n");
}

TEST_CASE("attach client: the agent's refusal is exit 1 and its words") {
  const test::TemporaryDirectory directory;
  test::FakeController controller;
  controller.attach_answer = Error{"there is no interface eth7", ENODEV};
  test::AgentInThread agent(directory.path(), control_socket_name("wg0"), controller);
  test::Captured captured;
  CHECK(attach(attach_to("eth7"), directory.path(), {captured.out(), captured.err()}) == 1);
  CHECK(captured.out_text().empty());
  CHECK(captured.err_text() == "xdp-mesh: the agent refused: there is no interface eth7\n");
}

TEST_CASE("attach client: with no agent it says how to start one") {
  const test::TemporaryDirectory directory;
  test::Captured captured;
  CHECK(attach(attach_to("eth0"), directory.path(), {captured.out(), captured.err()}) == 1);
  CHECK(captured.err_text().find("no agent runs: start one, as in `xdp-mesh wg0`") !=
        std::string::npos);
}

TEST_CASE("attach client: of several agents one has to be named") {
  const test::TemporaryDirectory directory;
  test::FakeController first;
  test::FakeController second;
  second.attach_answer = AttachReply{"", false, true, {}};
  const std::string names[] = {control_socket_name("wg0"), control_socket_name("wg1")};
  test::AgentInThread agents[] = {{directory.path(), names[0], first},
                                  {directory.path(), names[1], second}};
  test::Captured unclear;
  CHECK(attach(attach_to("eth0"), directory.path(), {unclear.out(), unclear.err()}) == 1);
  CHECK(unclear.err_text().find("expected --to with one of " + names[0] + ", " + names[1]) !=
        std::string::npos);
  test::Captured named;
  CHECK(attach(attach_to("eth0", "wg1"), directory.path(), {named.out(), named.err()}) == 0);
  test::Captured unknown;
  CHECK(attach(attach_to("eth0", "wg9"), directory.path(), {unknown.out(), unknown.err()}) == 1);
  CHECK(unknown.err_text().find("no agent runs for wg9") != std::string::npos);
  for (test::AgentInThread& agent : agents) agent.stop();
  CHECK(first.attach_requests.empty());
  CHECK(second.attach_requests.size() == 1);
}

TEST_CASE("attach client: killed agents and those of other namespaces are not counted") {
  const test::TemporaryDirectory directory;
  REQUIRE(listen_on_unix_path(directory / (control_socket_name("wg7") + ".sock")).ok());
  test::FakeController far;
  test::AgentInThread elsewhere(directory.path(), "wg8@1", far);
  test::Captured none;
  CHECK(attach(attach_to("eth0"), directory.path(), {none.out(), none.err()}) == 1);
  CHECK(none.err_text().find("in this network namespace (elsewhere: wg8@1)") != std::string::npos);
  test::FakeController near;
  near.attach_answer = AttachReply{"", false, true, {}};
  test::AgentInThread agent(directory.path(), control_socket_name("wg0"), near);
  test::Captured captured;
  CHECK(attach(attach_to("eth0"), directory.path(), {captured.out(), captured.err()}) == 0);
}

TEST_CASE("attach client: the list of what is attached") {
  const test::TemporaryDirectory directory;
  test::FakeController busy;
  busy.interfaces = {test::sample_attachment()};
  test::FakeController idle;
  test::AgentInThread first(directory.path(), control_socket_name("wg0"), busy);
  test::AgentInThread second(directory.path(), control_socket_name("wg1"), idle);
  AttachCommand command;
  command.list = true;
  test::Captured text;
  CHECK(list_attached(command, directory.path(), {text.out(), text.err()}) == 0);
  CHECK(text.out_text().starts_with("agent: " + control_socket_name("wg0") + "\nattached: eth0\n"));
  CHECK(text.out_text().ends_with("agent: " + control_socket_name("wg1") +
                                  "\n  attached to nothing\n"));
  command.json = true;
  test::Captured json;
  CHECK(list_attached(command, directory.path(), {json.out(), json.err()}) == 0);
  CHECK(json.out_text() == interfaces_json(busy.interfaces) + "\n" + interfaces_json({}) + "\n");
}

TEST_CASE("attach client: a detach goes to the agent that holds the interface") {
  const test::TemporaryDirectory directory;
  test::FakeController idle;
  test::FakeController busy;
  busy.interfaces = {test::sample_attachment()};
  test::AgentInThread first(directory.path(), control_socket_name("wg0"), idle);
  test::AgentInThread second(directory.path(), control_socket_name("wg1"), busy);
  test::Captured captured;
  CHECK(detach({"eth0", ""}, directory.path(), no_remains, {captured.out(), captured.err()}) == 0);
  CHECK(captured.out_text() == "eth0: detached\n");
  second.stop();
  CHECK(busy.detach_requests == std::vector<std::string>{"eth0"});
  first.stop();
  CHECK(idle.detach_requests.empty());
}

TEST_CASE("attach client: what a dead agent left is removed without an agent") {
  const test::TemporaryDirectory directory;
  std::vector<std::string> asked;
  test::Captured removed;
  CHECK(detach({"eth0", ""}, directory.path(),
               [&](const std::string& interface) {
                 asked.push_back(interface);
                 return Status();
               },
               {removed.out(), removed.err()}) == 0);
  CHECK(asked == std::vector<std::string>{"eth0"});
  CHECK(removed.out_text().find("removed what an agent that died had left") != std::string::npos);

  test::Captured nothing;
  CHECK(detach({"eth0", ""}, directory.path(), no_remains, {nothing.out(), nothing.err()}) == 1);
  CHECK(nothing.err_text().find("no agent holds eth0") != std::string::npos);

  test::Captured owned;
  const auto refuse = [](const std::string&) {
    return Status(Error{"process 77 owns eth0", EBUSY});
  };
  CHECK(detach({"eth0", ""}, directory.path(), refuse, {owned.out(), owned.err()}) == 1);
  CHECK(owned.err_text() == "xdp-mesh: process 77 owns eth0\n");
}

}  // namespace xm
