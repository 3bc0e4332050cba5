#include "agent/bench/containment.hpp"

#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "agent/bench/interrupts.hpp"
#include "xdpmesh/fd.hpp"

namespace xm::bench {
namespace {

Error refused(const std::string& what) {
  Error error = errno_error("cannot make " + what);
  if (error.os_errno == EPERM || error.os_errno == EACCES) {
    error.what += " (needs CAP_SYS_ADMIN; a container has to be privileged)";
  }
  return error;
}

Status mount_private(const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return Error{"cannot make " + directory + ": " + error.message(), error.value()};
  if (::mount("xdp-mesh", directory.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") < 0) {
    return refused("a private " + directory);
  }
  return {};
}

Status make_private_mounts(const std::vector<std::string>& directories) {
  if (::unshare(CLONE_NEWNS) < 0) return refused("a mount namespace");
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0) {
    return refused("the mounts private");
  }
  if (::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) < 0) {
    return refused("a private /proc");
  }
  for (const std::string& directory : directories) {
    if (auto made = mount_private(directory); !made) return made;
  }
  return {};
}

// The life of the contained child. `life` is a pipe that the parent holds open while it lives.
[[noreturn]] void live(const Fd& life, const std::vector<std::string>& directories,
                       const std::function<int()>& body) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The parent may have gone before that call.
  pollfd parent{life.get(), POLLIN, 0};
  if (::poll(&parent, 1, 0) != 0) ::_exit(1);
  int code = 1;
  if (auto mounted = make_private_mounts(directories); mounted) {
    code = body();
  } else {
    std::fprintf(stderr, "xdp-mesh: %s\n", mounted.error().what.c_str());
  }
  std::fflush(nullptr);
  ::_exit(code);
}

int exit_code_of(int status) {
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  std::fprintf(stderr, "xdp-mesh: the bench was killed by signal %d\n", WTERMSIG(status));
  return 128 + WTERMSIG(status);
}

// Passes signals on until the child has ended.
int attend(pid_t child, const sigset_t& watched) {
  for (;;) {
    int status = 0;
    if (::waitpid(child, &status, WNOHANG) == child) return exit_code_of(status);
    int signal = 0;
    if (::sigwait(&watched, &signal) == 0 && signal != SIGCHLD) ::kill(child, signal);
  }
}

}  // namespace

Result<int> run_contained(const std::vector<std::string>& private_directories,
                          const std::function<int()>& body) {
  sigset_t watched = interrupt_signals();
  ::sigaddset(&watched, SIGCHLD);
  ::pthread_sigmask(SIG_BLOCK, &watched, nullptr);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) < 0) return errno_error("cannot make a pipe");
  Fd life(ends[0]);
  const Fd ours(ends[1]);
  if (::unshare(CLONE_NEWPID) < 0) return refused("a PID namespace");
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child < 0) return errno_error("cannot start the bench's process");
  if (child == 0) {
    ::close(ours.get());
    live(life, private_directories, body);
  }
  return attend(child, watched);
}

}  // namespace xm::bench
