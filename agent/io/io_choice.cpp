#include "agent/io/io_choice.hpp"

#include <utility>

#include "agent/io/syscall_io.hpp"
#include "agent/io/uring_io.hpp"

namespace xm {
namespace {

// What auto takes where both can be had. docs/performance.md has the figures: io_uring carries more
// of one TCP stream, system calls more of a flood of small packets, at a shorter round trip.
IoChoice choose_by_measurement() {
  return {.backend = IoBackend::syscall,
          .kernel_thread = false,
          .reason =
              "chosen by --io auto: measured better with small packets and when idle; "
              "io_uring is worth a try for bulk",
          .ring_fault = {}};
}

template <typename Made>
Result<std::unique_ptr<PathIo>> as_path_io(Result<std::unique_ptr<Made>> made) {
  if (!made) return made.error();
  return std::unique_ptr<PathIo>(std::move(*made));
}

}  // namespace

Result<IoChoice> choose_io(const IoRequest& request) {
  using Kind = IoRequest::Kind;
  IoChoice choice{.backend = IoBackend::syscall,
                  .kernel_thread = false,
                  .reason = "chosen by --io",
                  .ring_fault = {}};
  if (request.kind == Kind::syscall) return choice;

  UringOptions options;
  options.kernel_thread = request.kernel_thread;
  const auto ring = Uring::create(options);
  if (request.kind == Kind::uring) {
    if (!ring) {
      return Error{"--io uring: " + ring.error().what + "; use --io syscall or auto",
                   ring.error().os_errno};
    }
    choice.backend = IoBackend::uring;
    choice.kernel_thread = request.kernel_thread;
    return choice;
  }
  if (ring) return choose_by_measurement();
  choice.reason = "chosen by --io auto: " + ring.error().what;
  choice.ring_fault = ring.error().what;
  return choice;
}

const char* io_backend_name(IoBackend backend) {
  return backend == IoBackend::uring ? "uring" : "syscall";
}

std::string io_description(const IoChoice& choice) {
  if (choice.backend == IoBackend::syscall) return "sockets (recvmmsg, sendmmsg)";
  return choice.kernel_thread ? "io_uring (with a kernel thread a worker)" : "io_uring";
}

Result<std::unique_ptr<PathIo>> make_path_io(const IoChoice& choice, TunQueue& tun,
                                             bool vnet_header) {
  if (choice.backend == IoBackend::syscall) return as_path_io(SyscallIo::create(tun));
  UringIoOptions options;
  options.ring.kernel_thread = choice.kernel_thread;
  options.vnet_header = vnet_header;
  return as_path_io(UringIo::create(tun, options));
}

}  // namespace xm
