// What this thread may do. capabilities(7).
#pragma once

#include <linux/capability.h>

#include <cstdint>

namespace xm {

class Capabilities {
 public:
  // The effective ones, from /proc; none when that cannot be read.
  [[nodiscard]] static Capabilities effective();

  explicit Capabilities(std::uint64_t bits) : bits_(bits) {}
  // `number` as in <linux/capability.h>: CAP_NET_ADMIN, …
  [[nodiscard]] bool has(unsigned number) const { return (bits_ >> number & 1U) != 0; }

 private:
  std::uint64_t bits_;
};

}  // namespace xm
