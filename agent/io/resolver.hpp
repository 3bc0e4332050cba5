// Asking the name service: the face, and the system's (getaddrinfo(3), so hosts file and nsswitch
// too; resolver(3) for what that does not know). Calls block, for many seconds where no server
// answers: name_lookup.hpp keeps them away from the control thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "xdpmesh/addr.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

enum class RecordType : std::uint8_t { srv, txt };

// Thread: one at a time.
class Resolver {
 public:
  virtual ~Resolver() = default;

  // IPv4 and IPv6 addresses in the system's order of preference (RFC 6724); at least one, or why
  // there is none.
  [[nodiscard]] virtual Result<std::vector<IpAddress>> addresses(const std::string& host) = 0;

  // A DNS answer as it came; empty when `name` has no such records.
  [[nodiscard]] virtual Result<std::vector<std::uint8_t>> records(const std::string& name,
                                                                  RecordType type) = 0;
};

[[nodiscard]] std::unique_ptr<Resolver> system_resolver();

}  // namespace xm
