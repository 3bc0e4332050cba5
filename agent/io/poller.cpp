#include "agent/io/poller.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace xm {
namespace {

// epoll_wait counts milliseconds: rounded up, so that a deadline has passed when it returns.
int whole_milliseconds(Duration timeout) {
  constexpr std::int64_t kMostMilliseconds = 3'600'000;
  const std::int64_t milliseconds = (timeout.count() + 999'999) / 1'000'000;
  return static_cast<int>(std::min(milliseconds, kMostMilliseconds));
}

}  // namespace

Result<Poller> Poller::create() {
  Fd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return errno_error("cannot create an epoll instance");
  return Poller(std::move(epoll));
}

Status Poller::add(int fd, Token token, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = token;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return errno_error("cannot poll descriptor " + std::to_string(fd));
  }
  return {};
}

Status Poller::modify(int fd, Token token, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = token;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) != 0) {
    return errno_error("cannot change what descriptor " + std::to_string(fd) + " is polled for");
  }
  return {};
}

void Poller::remove(int fd) {
  // Fails only for what is not there, and then there is nothing to remove.
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

std::span<const Poller::Ready> Poller::wait(Duration timeout) {
  // epoll_pwait2 keeps the nanoseconds (Linux 5.11); ENOSYS before, and under some seccomp filters.
  int count = -1;
  if (has_pwait2_) {
    const timespec limit{static_cast<time_t>(timeout / 1s),
                         static_cast<long>((timeout % 1s).count())};
    count = epoll_pwait2(epoll_.get(), events_.data(), static_cast<int>(events_.size()),
                         timeout < 0ns ? nullptr : &limit, nullptr);
    if (count < 0 && (errno == ENOSYS || errno == EPERM)) has_pwait2_ = false;
  }
  if (!has_pwait2_) {
    count = epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()),
                       timeout < 0ns ? -1 : whole_milliseconds(timeout));
  }
  const std::size_t ready = count < 0 ? 0 : static_cast<std::size_t>(count);
  for (std::size_t i = 0; i < ready; ++i) ready_[i] = {events_[i].data.u64, events_[i].events};
  return std::span(ready_).first(ready);
}

std::span<const Poller::Ready> Poller::wait_until(Instant deadline, Instant now) {
  if (deadline == kFarFuture) return wait(kForever);
  return wait(std::max(deadline - now, Duration(0)));
}

Result<std::unique_ptr<WakeUp>> WakeUp::create() {
  Fd event(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!event) return errno_error("cannot create an eventfd");
  return std::unique_ptr<WakeUp>(new WakeUp(std::move(event)));
}

void WakeUp::ring() {
  if (!armed_.exchange(false, std::memory_order_acq_rel)) return;
  // Cannot fail for want of room: there is one ring per arming, and disarm() reads it.
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(event_.get(), &one, sizeof one);
}

void WakeUp::disarm() {
  // Someone has rung, or is about to write: a write that is late wakes the next sleep for nothing,
  // and is read after that. Unread it would let nobody sleep any more.
  if (!armed_.exchange(false, std::memory_order_acq_rel)) ++unread_;
  if (unread_ == 0) return;
  std::uint64_t rings = 0;
  if (::read(event_.get(), &rings, sizeof rings) == sizeof rings) unread_ -= rings;
}

}  // namespace xm
