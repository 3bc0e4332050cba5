#include "agent/bench/child.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <sstream>
#include <string_view>

namespace xm::bench {
namespace {

// Between fork and exec: the errno of what failed goes into `report`, which exec closes.
[[noreturn]] void become(const Launch& launch, std::vector<char*>& arguments, int output,
                         int errors, int report) {
  const auto fail = [report] {
    const int error = errno;
    [[maybe_unused]] const ssize_t written = ::write(report, &error, sizeof error);
    ::_exit(127);
  };
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::setpgid(0, 0);  // Ctrl-C is for the bench, which ends its children in its own way
  sigset_t none;
  ::sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
  if (launch.network_namespace >= 0 && ::setns(launch.network_namespace, CLONE_NEWNET) < 0) fail();
  const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null < 0 || ::dup2(null, 0) < 0 || ::dup2(output, 1) < 0 || ::dup2(errors, 2) < 0) fail();
  for (const auto& [name, value] : launch.environment) {
    ::setenv(name.c_str(), value.c_str(), 1);  // NOLINT(concurrency-mt-unsafe): one thread
  }
  ::execvp(arguments.front(), arguments.data());
  fail();
  ::_exit(127);
}

int exit_code_of(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string read_all(const Fd& file) {
  std::string text;
  std::array<char, 65536> piece;
  for (;;) {
    const ssize_t got =
        ::pread(file.get(), piece.data(), piece.size(), static_cast<off_t>(text.size()));
    if (got <= 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace

Result<Child> Child::start(const Launch& launch) {
  Child child;
  child.output_.reset(::memfd_create("output", MFD_CLOEXEC));
  child.errors_.reset(::memfd_create("errors", MFD_CLOEXEC));
  std::array<int, 2> ends{};
  if (!child.output_ || !child.errors_ || ::pipe2(ends.data(), O_CLOEXEC) < 0) {
    return errno_error("cannot make descriptors for " + launch.arguments.front());
  }
  const Fd from_child(ends[0]);
  Fd report(ends[1]);
  std::vector<char*> arguments;
  for (const std::string& argument : launch.arguments) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  child.pid_ = ::fork();
  if (child.pid_ < 0) return errno_error("cannot start " + launch.arguments.front());
  if (child.pid_ == 0) {
    become(launch, arguments, child.output_.get(), child.errors_.get(), report.get());
  }
  report.reset();
  int error = 0;
  if (::read(from_child.get(), &error, sizeof error) == sizeof error) {
    return errno_error("cannot run " + launch.arguments.front(), error);
  }
  // glibc 2.36 declares pidfd_open for C only.
  child.process_.reset(static_cast<int>(::syscall(SYS_pidfd_open, child.pid_, 0)));
  if (!child.process_) return errno_error("cannot watch " + launch.arguments.front());
  return child;
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      exit_code_(other.exit_code_),
      process_(std::move(other.process_)),
      output_(std::move(other.output_)),
      errors_(std::move(other.errors_)) {}

Child& Child::operator=(Child&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(exit_code_, other.exit_code_);
  std::swap(process_, other.process_);
  std::swap(output_, other.output_);
  std::swap(errors_, other.errors_);
  return *this;
}

Child::~Child() {
  if (pid_ > 0 && !poll_end()) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
}

std::optional<int> Child::poll_end() {
  int status = 0;
  if (!exit_code_ && pid_ > 0 && ::waitpid(pid_, &status, WNOHANG) == pid_) {
    exit_code_ = exit_code_of(status);
  }
  return exit_code_;
}

Result<int> Child::wait(Interrupts& interrupts, Duration limit) {
  if (!poll_end()) interrupts.wait_readable(process_.get(), limit);
  if (const auto code = poll_end()) return *code;
  if (interrupts.requested()) return interrupted();
  return Error{"did not end in time", ETIMEDOUT};
}

std::string Child::output() const {
  return read_all(output_);
}

std::string Child::errors() const {
  return read_all(errors_);
}

Result<std::string> run(const Launch& launch, Interrupts& interrupts, Duration limit) {
  auto child = Child::start(launch);
  if (!child) return child.error();
  const auto ended = child->wait(interrupts, limit);
  const std::string& program = launch.arguments.front();
  if (!ended) return Error{program + ": " + ended.error().what, ended.error().os_errno};
  if (ended.value() == 0) return child->output();
  const std::string errors = child->errors();
  return Error{program + " ended with exit code " + std::to_string(ended.value()) + ": " +
               last_lines(errors.empty() ? child->output() : errors)};
}

std::string last_lines(const std::string& text, std::size_t lines) {
  std::vector<std::string> kept;
  std::istringstream all(text);
  for (std::string line; std::getline(all, line);) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    if (kept.size() == lines) kept.erase(kept.begin());
    kept.push_back(line);
  }
  std::string joined;
  for (const std::string& line : kept) joined += (joined.empty() ? "" : " | ") + line;
  return joined.empty() ? "(it said nothing)" : joined;
}

std::optional<std::string> find_on_path(const std::string& program) {
  const char* path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): one thread
  std::istringstream folders(path == nullptr ? "/usr/sbin:/usr/bin:/sbin:/bin" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    std::string file = folder;
    file += '/';
    file += program;
    struct stat entry {};
    if (::stat(file.c_str(), &entry) == 0 && S_ISREG(entry.st_mode) &&
        ::access(file.c_str(), X_OK) == 0) {
      return file;
    }
  }
  return std::nullopt;
}

}  // namespace xm::bench
