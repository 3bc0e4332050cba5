// Which XDP programs are on an interface, and whose.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "loader/attach_report.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

struct AttachedProgram {
  std::uint32_t id = 0;
  // Native or generic; offloaded to the hardware counts as native.
  AttachMode mode = AttachMode::native;
  // Empty where the kernel tells only CAP_SYS_ADMIN.
  std::string name;
  std::string tag;
  // libxdp's dispatcher, and what it runs, in this order.
  bool dispatcher = false;
  std::vector<AttachedProgram> members;

  [[nodiscard]] bool is_ours() const { return name == "xm_steer"; }
  // "'xdp_pass' (id 12, native)".
  [[nodiscard]] std::string to_string() const;
};

// Empty when there is none.
[[nodiscard]] Result<std::vector<AttachedProgram>> attached_programs(std::uint32_t ifindex);

}  // namespace xm
