// Everything happens in forked children, because a daemon changes the process it is in.
#include "agent/cli/daemon.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <functional>
#include <string>
#include <utility>

#include "xdpmesh/fd.hpp"

namespace xm {
namespace {

struct Outcome {
  int exit_code = -1;  // of the process that called run_as_daemon()
  std::string said;    // on its stderr, and its child's before it was ready
  std::string told;    // what the body wrote into the pipe `tell`
};

std::string read_all(int fd) {
  std::string text;
  std::array<char, 256> piece{};
  for (ssize_t got = 0; (got = ::read(fd, piece.data(), piece.size())) > 0;) {
    text.append(piece.data(), static_cast<std::size_t>(got));
  }
  return text;
}

std::pair<Fd, Fd> make_pipe() {
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  return {Fd(ends[0]), Fd(ends[1])};
}

void write_text(int fd, const std::string& text) {
  if (::write(fd, text.data(), text.size()) < 0) ::_exit(99);
}

// Runs the body as a daemon, started by a process that has stderr in a pipe. `tell` of the body is
// a descriptor to report on; it is waited for until every process has closed it.
Outcome start(const std::function<int(const ReadyNotifier&, int tell)>& body) {
  auto [said, stderr_end] = make_pipe();
  auto [told, tell] = make_pipe();
  std::fflush(nullptr);  // or the children print what is buffered, too
  const pid_t starter = ::fork();
  REQUIRE(starter >= 0);
  if (starter == 0) {
    ::dup2(stderr_end.get(), STDERR_FILENO);
    stderr_end.reset();
    const int tell_fd = tell.get();
    ::_exit(run_as_daemon([&](const ReadyNotifier& ready) { return body(ready, tell_fd); }));
  }
  stderr_end.reset();
  tell.reset();
  Outcome outcome;
  int status = 0;
  REQUIRE(::waitpid(starter, &status, 0) == starter);
  if (WIFEXITED(status)) outcome.exit_code = WEXITSTATUS(status);
  outcome.told = read_all(told.get());
  outcome.said = read_all(said.get());
  return outcome;
}

bool is_dev_null(int fd) {
  struct stat here {};
  struct stat null {};
  return ::fstat(fd, &here) == 0 && ::stat("/dev/null", &null) == 0 && here.st_rdev == null.st_rdev;
}

}  // namespace

TEST_CASE("daemon: the start returns 0 when the body is ready, not before and not later") {
  // The body can only end once the start has returned: it waits for its parent to be gone.
  const Outcome outcome = start([](const ReadyNotifier& ready, int tell) {
    const pid_t parent = ::getppid();
    write_text(tell, "a");
    ready({});
    while (::getppid() == parent) ::poll(nullptr, 0, /*milliseconds=*/1);
    write_text(tell, "b");
    return 0;
  });
  CHECK(outcome.exit_code == 0);
  CHECK(outcome.said.empty());
  CHECK(outcome.told == "ab");
}

TEST_CASE("daemon: in a session of its own, in /, away from the terminal once ready") {
  const Outcome outcome = start([](const ReadyNotifier& ready, int tell) {
    std::array<char, 64> directory{};
    write_text(tell, ::getsid(0) == ::getpid() ? "session " : "no session ");
    write_text(tell, std::string(::getcwd(directory.data(), directory.size())) + " ");
    write_text(tell, is_dev_null(2) ? "too early " : "stderr ");
    ready({});
    write_text(tell, is_dev_null(0) && is_dev_null(1) && is_dev_null(2) ? "null" : "attached");
    return 0;
  });
  CHECK(outcome.told == "session / stderr null");
}

TEST_CASE("daemon: an error at the start is printed by the parent, exit 1") {
  const Outcome outcome = start([](const ReadyNotifier& ready, int) {
    ready(Error{"wg0: no such device"});
    return 1;
  });
  CHECK(outcome.exit_code == 1);
  CHECK(outcome.said == "xdp-mesh: wg0: no such device\n");
}

TEST_CASE("daemon: a body that ends without a word is an error") {
  const Outcome quiet = start([](const ReadyNotifier&, int) { return 3; });
  CHECK(quiet.exit_code == 1);
  CHECK(quiet.said == "xdp-mesh: ended with exit code 3 while starting\n");
  const Outcome killed = start([](const ReadyNotifier&, int) { return ::raise(SIGKILL); });
  CHECK(killed.exit_code == 1);
  CHECK(killed.said == "xdp-mesh: killed by signal 9 while starting\n");
}

TEST_CASE("daemon: when the start was killed the body is asked to stop") {
  const Outcome outcome = start([](const ReadyNotifier& ready, int tell) {
    const pid_t parent = ::getppid();
    ::kill(parent, SIGKILL);
    while (::getppid() == parent) ::poll(nullptr, 0, /*milliseconds=*/1);
    ready({});
    sigset_t pending;
    sigpending(&pending);
    write_text(tell, sigismember(&pending, SIGTERM) == 1 ? "stop" : "go on");
    return 0;
  });
  CHECK(outcome.told == "stop");
}

TEST_CASE("daemon: told twice is told once") {
  const Outcome outcome = start([](const ReadyNotifier& ready, int tell) {
    ready({});
    ready(Error{"late"});
    sigset_t pending;
    sigpending(&pending);
    write_text(tell, sigismember(&pending, SIGTERM) == 1 ? "stop" : "go on");
    return 0;
  });
  CHECK(outcome.exit_code == 0);
  CHECK(outcome.told == "go on");
}

TEST_CASE("daemon: no core dump, no ptrace, no SIGPIPE, signals kept for the body") {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::_exit(run_in_foreground([](const ReadyNotifier&) {
      rlimit core{1, 1};
      ::getrlimit(RLIMIT_CORE, &core);
      sigset_t blocked;
      ::pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
      struct sigaction pipe {};
      ::sigaction(SIGPIPE, nullptr, &pipe);
      const bool good = core.rlim_cur == 0 && core.rlim_max == 0 && ::prctl(PR_GET_DUMPABLE) == 0 &&
                        sigismember(&blocked, SIGTERM) == 1 && sigismember(&blocked, SIGINT) == 1 &&
                        pipe.sa_handler == SIG_IGN;
      return good ? 42 : 1;
    }));
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 42);
}

}  // namespace xm
