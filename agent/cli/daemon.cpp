#include "agent/cli/daemon.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <string>
#include <utility>

#include "xdpmesh/fd.hpp"
#include "xdpmesh/log.hpp"

namespace xm {
namespace {

// What the child writes into the pipe: this, or the text of an error. Nothing: it died.
constexpr char kReady = '\0';

void print_failure(const std::string& what) {
  std::fprintf(stderr, "xdp-mesh: %s\n", what.c_str());
}

std::string read_to_end(int fd) {
  std::string text;
  std::array<char, 512> piece{};
  for (;;) {
    const ssize_t got = ::read(fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(got));
  }
}

// How a child that said nothing ended.
std::string describe_end(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return "could not start";
  }
  if (WIFSIGNALED(status)) {
    return "killed by signal " + std::to_string(WTERMSIG(status)) + " while starting";
  }
  return "ended with exit code " + std::to_string(WEXITSTATUS(status)) + " while starting";
}

int wait_for_child(pid_t child, Fd from_child) {
  const std::string word = read_to_end(from_child.get());
  if (word.size() == 1 && word.front() == kReady) return 0;
  print_failure(word.empty() ? describe_end(child) : word);
  return 1;
}

void let_go_of_terminal() {
  const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) return;
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    ::dup2(null.get(), standard);
  }
}

void tell_parent(Fd to_parent, const Status& status) {
  if (!to_parent) return;  // it has been told
  const std::string word = status ? std::string(1, kReady) : status.error().what;
  if (::write(to_parent.get(), word.data(), word.size()) < 0) {
    // Whoever started us has gone, by Ctrl-C or a time limit: no one wants this agent.
    ::kill(::getpid(), SIGTERM);
  }
}

int run_child(Fd to_parent, const Body& body) {
  ::setsid();
  if (::chdir("/") < 0) log::verbose(errno_error("cannot change to /").what);
  prepare_process();
  return body([&](const Status& status) {
    if (status) {
      ::openlog("xdp-mesh", LOG_PID, LOG_DAEMON);
      log::to_syslog = true;
      let_go_of_terminal();
    }
    tell_parent(std::move(to_parent), status);
  });
}

}  // namespace

void prepare_process() {
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

int run_as_daemon(const Body& body) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) < 0) {
    print_failure(errno_error("cannot make a pipe").what);
    return 1;
  }
  Fd from_child(ends[0]);
  Fd to_parent(ends[1]);
  std::fflush(nullptr);  // or both processes print what is buffered
  const pid_t child = ::fork();
  if (child < 0) {
    print_failure(errno_error("cannot fork").what);
    return 1;
  }
  if (child == 0) {
    from_child.reset();
    return run_child(std::move(to_parent), body);
  }
  to_parent.reset();
  return wait_for_child(child, std::move(from_child));
}

int run_in_foreground(const Body& body) {
  prepare_process();
  return body([](const Status& status) {
    if (!status) print_failure(status.error().what);
  });
}

}  // namespace xm
