// What the kernel refused, and what it would take: Errors of bpf(2) and its kin.
#pragma once

#include <cerrno>
#include <string>
#include <utility>

#include "xdpmesh/result.hpp"

namespace xm {

// "WHAT: reason"; where permission was missing it names what gives it. `error` is positive.
[[nodiscard]] inline Error refusal(
    std::string what, int error,
    const char* needed = "CAP_BPF and CAP_NET_ADMIN, or CAP_SYS_ADMIN") {
  Error refused = errno_error(std::move(what), error);
  if (error == EPERM || error == EACCES) {
    refused.what += std::string(" (needs ") + needed + ")";
  }
  return refused;
}

}  // namespace xm
