#include "agent/bench/interrupts.hpp"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

namespace xm::bench {

sigset_t interrupt_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&set, signal);
  return set;
}

Result<Interrupts> Interrupts::open() {
  const sigset_t set = interrupt_signals();
  Fd signals(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!signals) return errno_error("cannot watch for signals");
  return Interrupts(std::move(signals));
}

bool Interrupts::requested() {
  signalfd_siginfo signal{};
  while (::read(signals_.get(), &signal, sizeof signal) == sizeof signal) requested_ = true;
  return requested_;
}

bool Interrupts::wait_readable(int fd, Duration limit) {
  if (requested()) return false;
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(limit).count();
  std::array<pollfd, 2> watched{{{signals_.get(), POLLIN, 0}, {fd, POLLIN, 0}}};
  ::poll(watched.data(), watched.size(), static_cast<int>(std::max<long>(milliseconds, 0)));
  return !requested() && watched[1].revents != 0;
}

}  // namespace xm::bench
