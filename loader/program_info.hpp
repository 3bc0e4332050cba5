// What the kernel says about a loaded program or a link. Inside loader/ only.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "xdpmesh/fd.hpp"

namespace xm {

struct ProgramInfo {
  std::uint32_t id = 0;
  std::string name;
  std::string tag;  // 16 hexadecimal digits
  std::vector<std::uint32_t> map_ids;
};

[[nodiscard]] std::optional<ProgramInfo> program_info(int fd);
// By the kernel's number; needs CAP_SYS_ADMIN.
[[nodiscard]] Fd program_by_id(std::uint32_t id);

struct LinkInfo {
  std::uint32_t id = 0;
  std::uint32_t program_id = 0;
  std::uint32_t ifindex = 0;  // 0: the interface is gone
};

// Nothing when it is no XDP link.
[[nodiscard]] std::optional<LinkInfo> link_info(int fd);
// The link that holds this program on this interface; needs CAP_SYS_ADMIN.
[[nodiscard]] Fd find_link(std::uint32_t ifindex, std::uint32_t program_id);

}  // namespace xm
