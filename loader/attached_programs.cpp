#include "loader/attached_programs.hpp"

#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include <cerrno>
#include <utility>

#include "loader/dispatcher.hpp"
#include "loader/library_messages.hpp"
#include "loader/program_info.hpp"

namespace xm {
namespace {

// The name of the program in libxdp's xdp-dispatcher.o.
constexpr const char* kDispatcherName = "xdp_dispatcher";

AttachedProgram describe(std::uint32_t id, AttachMode mode, std::uint32_t ifindex) {
  AttachedProgram program;
  program.id = id;
  program.mode = mode;
  if (auto info = program_info(program_by_id(id).get())) {
    program.name = std::move(info->name);
    program.tag = std::move(info->tag);
  }
  program.dispatcher = program.name == kDispatcherName;
  if (program.dispatcher) program.members = dispatcher_members(ifindex, id, mode);
  return program;
}

}  // namespace

std::string AttachedProgram::to_string() const {
  std::string text = name.empty() ? "a program (" : "'" + name + "' (";
  text += "id " + std::to_string(id) + ", " + std::string(attach_mode_name(mode)) + ")";
  return text;
}

Result<std::vector<AttachedProgram>> attached_programs(std::uint32_t ifindex) {
  catch_library_messages();
  bpf_xdp_query_opts found{};
  found.sz = sizeof found;
  if (const int status = bpf_xdp_query(static_cast<int>(ifindex), 0, &found); status != 0) {
    return errno_error("asking which XDP programs are on interface " + std::to_string(ifindex),
                       -status);
  }
  std::vector<AttachedProgram> programs;
  for (const std::uint32_t id : {found.drv_prog_id, found.hw_prog_id}) {
    if (id != 0) programs.push_back(describe(id, AttachMode::native, ifindex));
  }
  if (found.skb_prog_id != 0) {
    programs.push_back(describe(found.skb_prog_id, AttachMode::generic, ifindex));
  }
  return programs;
}

}  // namespace xm
