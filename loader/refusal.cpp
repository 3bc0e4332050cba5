#include "loader/refusal.hpp"

#include <cerrno>
#include <utility>

#include "loader/capabilities.hpp"

namespace xm {
namespace {

const char* capability_name(unsigned number) {
  switch (number) {
    case CAP_BPF:
      return "CAP_BPF";
    case CAP_NET_ADMIN:
      return "CAP_NET_ADMIN";
    case CAP_PERFMON:
      return "CAP_PERFMON";
    case CAP_SYS_ADMIN:
      return "CAP_SYS_ADMIN";
    default:
      return "another capability";
  }
}

}  // namespace

Error refusal(std::string what, int error, std::initializer_list<unsigned> needed) {
  Error refused = errno_error(std::move(what), error);
  if (error != EPERM && error != EACCES) return refused;
  const Capabilities held = Capabilities::effective();
  std::string missing;
  for (const unsigned number : needed) {
    // Both are parts of CAP_SYS_ADMIN since 5.8.
    const bool part = number == CAP_BPF || number == CAP_PERFMON;
    if (held.has(number) || (part && held.has(CAP_SYS_ADMIN))) continue;
    missing += (missing.empty() ? "" : " and ") + std::string(capability_name(number));
  }
  if (!missing.empty()) refused.what += " (this process lacks " + missing + ")";
  return refused;
}

Error load_refusal(std::string what, int error, std::initializer_list<unsigned> needed) {
  Error refused = refusal(std::move(what), error, needed);
  // libbpf's answer before it has asked the kernel for anything.
  if (error == ESRCH) {
    refused.what += " (no BTF of this kernel is found, as of CONFIG_DEBUG_INFO_BTF)";
  }
  return refused;
}

}  // namespace xm
