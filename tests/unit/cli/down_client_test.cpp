#include "agent/cli/down_client.hpp"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "agent/ctl/control_server.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/cli/captured.hpp"
#include "tests/unit/cli/mesh_sample.hpp"
#include "tests/unit/ctl/fake_controller.hpp"

namespace xm {
namespace {

// A process that serves a control socket until it is told to stop; a stubborn one goes on.
class AgentProcess {
 public:
  AgentProcess(const std::string& directory, const std::string& name, bool stubborn = false)
      : pid_(::fork()) {
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) serve(directory, name, stubborn);
    while (!std::filesystem::exists(directory + "/" + name + ".sock")) ::usleep(1000);
  }
  ~AgentProcess() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  AgentProcess(const AgentProcess&) = delete;
  AgentProcess& operator=(const AgentProcess&) = delete;

  // Whether it has ended by itself.
  [[nodiscard]] bool has_ended() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == pid_;
  }

 private:
  [[noreturn]] static void serve(const std::string& directory, const std::string& name,
                                 bool stubborn) {
    test::FakeController controller;
    ControlServerOptions options;
    options.directory = directory;
    options.name = name;
    const auto opened = ControlServer::open(std::move(options), controller);
    if (!opened) ::_exit(2);
    ControlServer& server = *opened.value();
    while (stubborn || !controller.stopped) {
      pollfd readable{server.fd(), POLLIN, 0};
      if (::poll(&readable, 1, /*timeout=*/60'000) == 1) server.dispatch(SystemClock().now());
    }
    ::_exit(0);
  }

  pid_t pid_;
};

struct Lab {
  test::TemporaryDirectory directory;
  test::Captured captured;

  [[nodiscard]] int down(const std::string& interface, Duration patience = 60s) {
    return stop_agent({interface}, directory.path(), patience, {captured.out(), captured.err()});
  }
};

}  // namespace

TEST_CASE("down client: the agent has ended when the command has") {
  Lab lab;
  const AgentProcess agent(lab.directory.path(), control_socket_name("wg0"));
  CHECK_FALSE(agent.has_ended());
  CHECK(lab.down("wg0") == 0);
  CHECK(agent.has_ended());
  CHECK(lab.captured.err_text().empty());
}

TEST_CASE("down client: an agent that stays is a failure") {
  Lab lab;
  const AgentProcess agent(lab.directory.path(), control_socket_name("wg0"), /*stubborn=*/true);
  CHECK(lab.down("wg0", 200ms) == 1);
  CHECK(lab.captured.err_text().find("said that it stops, and is not gone") != std::string::npos);
}

TEST_CASE("down client: no agent, a killed one, and one that refuses") {
  Lab lab;
  CHECK(lab.down("wg7") == 1);
  CHECK(lab.captured.err_text().find("no agent runs for wg7") != std::string::npos);
  { const AgentProcess agent(lab.directory.path(), control_socket_name("wg0")); }
  CHECK(lab.down("wg0") == 1);
  CHECK(lab.captured.err_text().find("was killed: nothing answers there") != std::string::npos);
  const test::LineServer old(lab.directory / (control_socket_name("wg1") + ".sock"),
                             R"({"schema_version":1,"error":"unknown request 'stop'"})");
  CHECK(lab.down("wg1") == 1);
  CHECK(lab.captured.err_text().find("the agent refused: unknown request 'stop'") !=
        std::string::npos);
}

}  // namespace xm
