#include "loader/program_info.hpp"

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <algorithm>
#include <string_view>

namespace xm {
namespace {

// More maps than any program of ours has.
constexpr std::uint32_t kMostMaps = 64;

std::string hexadecimal(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 0xf];
  }
  return text;
}

}  // namespace

std::optional<ProgramInfo> program_info(int fd) {
  bpf_prog_info info{};
  std::vector<std::uint32_t> maps(kMostMaps);
  info.nr_map_ids = kMostMaps;
  info.map_ids = reinterpret_cast<std::uintptr_t>(maps.data());
  std::uint32_t size = sizeof info;
  if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) != 0) return std::nullopt;
  maps.resize(std::min(info.nr_map_ids, kMostMaps));
  return ProgramInfo{info.id, info.name, hexadecimal(info.tag), std::move(maps)};
}

Fd program_by_id(std::uint32_t id) {
  return Fd(bpf_prog_get_fd_by_id(id));
}

std::optional<LinkInfo> link_info(int fd) {
  bpf_link_info info{};
  std::uint32_t size = sizeof info;
  if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) != 0) return std::nullopt;
  if (info.type != BPF_LINK_TYPE_XDP) return std::nullopt;
  return LinkInfo{info.id, info.prog_id, info.xdp.ifindex};
}

Fd find_link(std::uint32_t ifindex, std::uint32_t program_id) {
  std::uint32_t id = 0;
  while (bpf_link_get_next_id(id, &id) == 0) {
    Fd link(bpf_link_get_fd_by_id(id));
    const auto info = link_info(link.get());
    if (info && info->ifindex == ifindex && info->program_id == program_id) return link;
  }
  return Fd();
}

}  // namespace xm
