// Which kind of I/O the workers use, and why.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "agent/io/path_io.hpp"

namespace xm {

enum class IoBackend : std::uint8_t { syscall, uring };

// What the user asks for.
struct IoRequest {
  enum class Kind : std::uint8_t { automatic, syscall, uring };
  Kind kind = Kind::automatic;
  bool kernel_thread = false;  // with uring: IORING_SETUP_SQPOLL
};

struct IoChoice {
  IoBackend backend = IoBackend::syscall;
  bool kernel_thread = false;
  std::string reason;      // of the choice
  std::string ring_fault;  // why there can be no io_uring; empty when there can, or nobody asked
};

// Tries whether io_uring can be had, unless system calls are asked for. An error only where it is
// asked for by name and cannot.
[[nodiscard]] Result<IoChoice> choose_io(const IoRequest& request);

// "syscall", "uring".
[[nodiscard]] const char* io_backend_name(IoBackend backend);
// For people: "sockets (recvmmsg, sendmmsg)".
[[nodiscard]] std::string io_description(const IoChoice& choice);

// One worker's. `tun` outlives it; `vnet_header`: whether its descriptor speaks in packets with a
// virtio header.
[[nodiscard]] Result<std::unique_ptr<PathIo>> make_path_io(const IoChoice& choice, TunQueue& tun,
                                                           bool vnet_header);

}  // namespace xm
