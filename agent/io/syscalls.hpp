// The system calls of the UDP path as an interface, handed to constructors, so that tests can
// answer with every error the kernel knows.
#pragma once

#include <poll.h>
#include <sys/socket.h>

namespace xm {

// Each behaves as the libc function of its name: -1 with errno on failure. Thread: any.
class Syscalls {
 public:
  virtual ~Syscalls() = default;
  virtual ssize_t sendmsg(int fd, const msghdr* message, int flags) = 0;
  virtual int sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) = 0;
  virtual int recvmmsg(int fd, mmsghdr* messages, unsigned count, int flags) = 0;
  virtual int poll(pollfd* descriptors, nfds_t count, int timeout_milliseconds) = 0;
};

class KernelSyscalls final : public Syscalls {
 public:
  ssize_t sendmsg(int fd, const msghdr* message, int flags) override {
    return ::sendmsg(fd, message, flags);
  }
  int sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) override {
    return ::sendmmsg(fd, messages, count, flags);
  }
  int recvmmsg(int fd, mmsghdr* messages, unsigned count, int flags) override {
    return ::recvmmsg(fd, messages, count, flags, nullptr);
  }
  int poll(pollfd* descriptors, nfds_t count, int timeout_milliseconds) override {
    return ::poll(descriptors, count, timeout_milliseconds);
  }
};

}  // namespace xm
