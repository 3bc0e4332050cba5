#include "agent/cli/status_client.hpp"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <thread>
#include <utility>

#include "agent/cli/agent_client.hpp"
#include "agent/ctl/control_server.hpp"
#include "agent/ctl/unix_listener.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/cli/agent_in_thread.hpp"

namespace xm {
namespace {

class NamedController final : public Controller {
 public:
  explicit NamedController(std::string name) : name_(std::move(name)) {}
  Status apply(InterfaceChange&&) override { return {}; }
  InterfaceView view() override { return {}; }
  StatusView status() override {
    StatusView view;
    view.interface = name_;
    return view;
  }
  Result<AttachReply> attach(const AttachRequest&) override { return AttachReply{}; }
  Result<DetachReply> detach(const std::string&) override { return DetachReply{}; }
  void stop() override {}
  std::vector<AttachmentStatus> attachments() override { return {}; }

 private:
  std::string name_;
};

// A running agent that calls itself by its interface's name.
class Agent {
 public:
  Agent(const std::string& directory, const std::string& socket_name, const std::string& interface)
      : controller_(interface), served_(directory, socket_name, controller_) {}

 private:
  NamedController controller_;
  test::AgentInThread served_;
};

struct Shown {
  int exit_code = -1;
  std::string out;
  std::string err;
};

Shown show(const StatusCommand& command, const std::string& directory) {
  char* out_text = nullptr;
  char* err_text = nullptr;
  std::size_t out_size = 0;
  std::size_t err_size = 0;
  std::FILE* out = ::open_memstream(&out_text, &out_size);
  std::FILE* err = ::open_memstream(&err_text, &err_size);
  Shown shown;
  shown.exit_code = show_status(command, directory, out, err);
  std::fclose(out);
  std::fclose(err);
  shown.out.assign(out_text, out_size);
  shown.err.assign(err_text, err_size);
  std::free(out_text);
  std::free(err_text);
  return shown;
}

// A control socket whose agent was killed.
void leave_dead_socket(const std::string& path) {
  auto listener = listen_on_unix_path(path);
  REQUIRE(listener.ok());
}

}  // namespace

TEST_CASE("status client: one agent, all agents, as text and as JSON") {
  const test::TemporaryDirectory directory;
  const Agent first(directory.path(), control_socket_name("wg0"), "wg0");
  const Agent second(directory.path(), control_socket_name("wg1"), "wg1");

  const Shown one = show({"wg0", false, false}, directory.path());
  CHECK(one.exit_code == 0);
  CHECK(one.out.starts_with("interface: wg0\n"));
  CHECK(one.err.empty());

  const Shown all = show({"", false, false}, directory.path());
  CHECK(all.exit_code == 0);
  CHECK(all.out.find("interface: wg0\n") < all.out.find("\n\ninterface: wg1\n"));

  const Shown json = show({"", true, false}, directory.path());
  CHECK(json.exit_code == 0);
  CHECK(json.out.starts_with("{\"schema_version\":1,"));
  CHECK(json.out.find("}\n{\"schema_version\":1,") != std::string::npos);
  CHECK(json.out.ends_with("}\n"));
}

TEST_CASE("status client: the agent of another network namespace is found by its interface") {
  const test::TemporaryDirectory directory;
  const Agent far(directory.path(), "wg0@123", "wg0");
  CHECK(show({"wg0", false, false}, directory.path()).exit_code == 0);
  CHECK(show({"wg0@123", false, false}, directory.path()).exit_code == 0);
  const Agent farther(directory.path(), "wg0@456", "wg0");
  const Shown unclear = show({"wg0", false, false}, directory.path());
  CHECK(unclear.exit_code == 1);
  CHECK(unclear.err.find("one of wg0@123, wg0@456") != std::string::npos);
}

TEST_CASE("status client: nothing there, a dead agent, a silent one") {
  const test::TemporaryDirectory directory;
  const Shown none = show({"", false, false}, directory / "missing");
  CHECK(none.exit_code == 1);
  CHECK(none.err.find("no agent runs") != std::string::npos);
  CHECK(none.out.empty());

  const std::string name = control_socket_name("wg0");
  leave_dead_socket(directory / (name + ".sock"));
  const Shown dead = show({"wg0", false, false}, directory.path());
  CHECK(dead.exit_code == 1);
  CHECK(dead.err.find("was killed") != std::string::npos);

  const Agent alive(directory.path(), control_socket_name("wg1"), "wg1");
  const Shown other = show({"wg7", false, false}, directory.path());
  CHECK(other.exit_code == 1);
  CHECK(other.err.find("no agent runs for wg7") != std::string::npos);
  CHECK(other.err.find("running: ") != std::string::npos);

  const Shown both = show({"", false, false}, directory.path());
  CHECK(both.exit_code == 0);
  CHECK(both.out.starts_with("interface: wg1\n"));
  CHECK_FALSE(std::filesystem::exists(directory / (name + ".sock")));  // what was left is removed
}

TEST_CASE("status client: only dead agents are no agents") {
  const test::TemporaryDirectory directory;
  leave_dead_socket(directory / "wg0.sock");
  const Shown none = show({"", false, false}, directory.path());
  CHECK(none.exit_code == 1);
  CHECK(none.err.find("no agent runs") != std::string::npos);
}

TEST_CASE("status client: a socket that closes in the middle is an error") {
  const test::TemporaryDirectory directory;
  const auto listener = listen_on_unix_path(directory / "wg0.sock");
  REQUIRE(listener.ok());
  std::thread rude([&] {
    pollfd readable{listener.value().get(), POLLIN, 0};
    ::poll(&readable, 1, /*timeout=*/60'000);
    const Fd client(::accept(listener.value().get(), nullptr, nullptr));
    (void)!::write(client.get(), "{\"sch", 6);
  });
  const auto reply = ask_agent(directory / "wg0.sock", "{\"request\":\"status\"}", 60s);
  rude.join();
  CHECK_FALSE(reply.ok());
}

}  // namespace xm
