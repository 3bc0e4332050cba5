#include "loader/placement.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/if_link.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include "loader/dispatcher.hpp"
#include "loader/library_messages.hpp"
#include "loader/program_info.hpp"
#include "loader/refusal.hpp"

namespace xm {
namespace {

using namespace std::chrono_literals;

std::uint32_t mode_flag(AttachMode mode) {
  return mode == AttachMode::generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
}

bool interface_is_gone(std::uint32_t ifindex) {
  std::array<char, IF_NAMESIZE> name{};
  return ::if_indextoname(ifindex, name.data()) == nullptr;
}

// The kernel's words from netlink say more than the errno.
Error netlink_refusal(const std::string& what, int error) {
  Error refused = refusal(what, error, {CAP_NET_ADMIN});
  const std::string words = take_library_message();
  if (!words.empty()) refused.what += " (" + words + ")";
  return refused;
}

Result<Fd> make_link(int program, std::uint32_t ifindex, AttachMode mode) {
  bpf_link_create_opts options{};
  options.sz = sizeof options;
  options.flags = mode_flag(mode);
  Fd link(bpf_link_create(program, static_cast<int>(ifindex), BPF_XDP, &options));
  if (!link) return refusal("the kernel", errno, {CAP_NET_ADMIN});
  return link;
}

// `old`: the program that must be there now; -1: none may be.
Status set_by_netlink(int program, std::uint32_t ifindex, AttachMode mode, int old) {
  bpf_xdp_attach_opts options{};
  options.sz = sizeof options;
  std::uint32_t flags = mode_flag(mode);
  if (old >= 0) {
    options.old_prog_fd = old;
  } else {
    flags |= XDP_FLAGS_UPDATE_IF_NOEXIST;
  }
  take_library_message();
  const int status = bpf_xdp_attach(static_cast<int>(ifindex), program, flags, &options);
  if (status != 0) return netlink_refusal("the kernel", -status);
  return {};
}

// `next` takes the place of what the placement says is there; -1: nothing does.
Status change_by_netlink(const Placement& placement, int next) {
  const Fd found = program_by_id(placement.program_id);
  const int old = placement.program ? placement.program.get() : found.get();
  if (old < 0) return refusal("opening the attached program", errno, {CAP_SYS_ADMIN});
  return set_by_netlink(next, placement.ifindex, placement.mode, old);
}

Fd duplicate(int fd) {
  return Fd(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

void identify(Placement& placement, int program) {
  const auto info = program_info(program);
  if (!info) return;
  placement.program_id = info->id;
  placement.tag = info->tag;
}

// What tells our programs from others.
struct Marks {
  ProgramInfo pinned;  // number 0: none
  std::uint32_t config_map = 0;

  [[nodiscard]] bool on(const AttachedProgram& program) const {
    if (program.is_ours() || program.id == pinned.id) return true;
    if (config_map == 0) return false;
    const auto info = program_info(program_by_id(program.id).get());
    return info && std::ranges::find(info->map_ids, config_map) != info->map_ids.end();
  }
};

Placement placement_of(const AttachedProgram& program, AttachVia via, std::uint32_t ifindex) {
  Placement placement;
  placement.via = via;
  placement.mode = program.mode;
  placement.ifindex = ifindex;
  placement.program_id = program.id;
  placement.tag = program.tag;
  return placement;
}

// Putting a program in its own place changes nothing, and tells whether netlink may.
bool is_held_by_unseen_link(const Placement& ours) {
  if (ours.via != AttachVia::netlink) return false;
  const Fd same = program_by_id(ours.program_id);
  const Status changed = same ? change_by_netlink(ours, same.get()) : Status();
  return !changed && changed.error().os_errno == EBUSY;
}

Result<Residents> look(std::uint32_t ifindex, const Pins* pins) {
  auto programs = attached_programs(ifindex);
  if (!programs) return programs.error();
  Marks marks;
  Fd link;
  if (pins != nullptr) {
    link = pins->open(Pins::kLink);
    const Fd config = pins->open("xm_config");
    if (config) marks.config_map = map_id(config.get());
    if (auto info = program_info(pins->open(Pins::kProgram).get())) marks.pinned = *std::move(info);
  }
  Residents found;
  const auto held = link_info(link.get());
  for (AttachedProgram& program : *programs) {
    if (held && held->ifindex == ifindex && held->program_id == program.id) {
      found.ours = placement_of(program, AttachVia::link, ifindex);
      found.ours->link = duplicate(link.get());
    } else if (program.dispatcher) {
      const auto ours = std::ranges::find_if(program.members,
                                             [&](const auto& member) { return marks.on(member); });
      if (ours != program.members.end()) {
        found.ours = placement_of(*ours, AttachVia::dispatcher, ifindex);
        found.ours->program = program_by_id(ours->id);
      }
      if (!found.ours || program.members.size() > 1) found.others.push_back(std::move(program));
    } else if (marks.on(program)) {
      Fd other_link = find_link(ifindex, program.id);
      found.ours =
          placement_of(program, other_link ? AttachVia::link : AttachVia::netlink, ifindex);
      found.ours->link = std::move(other_link);
    } else {
      found.others.push_back(std::move(program));
    }
  }
  // Without CAP_SYS_ADMIN the pin alone tells.
  if (found.ours && found.ours->program_id == marks.pinned.id) found.ours->tag = marks.pinned.tag;
  return found;
}

bool is_among_programs(const Placement& placement) {
  const auto programs = attached_programs(placement.ifindex);
  if (!programs) return false;
  const auto is_it = [&](const AttachedProgram& program) {
    return program.id == placement.program_id;
  };
  return std::ranges::any_of(programs.value(), [&](const AttachedProgram& program) {
    return is_it(program) || std::ranges::any_of(program.members, is_it);
  });
}

}  // namespace

std::string describe(AttachVia via, AttachMode mode) {
  std::string text(attach_mode_name(mode));
  switch (via) {
    case AttachVia::automatic:
      return text;
    case AttachVia::dispatcher:
      return text + ", through libxdp's dispatcher";
    case AttachVia::link:
      return text + ", through a BPF link";
    case AttachVia::netlink:
      return text + ", through netlink";
  }
  return text;
}

Result<Placement> place(const SteerProgram& program, std::uint32_t ifindex, AttachVia via,
                        AttachMode mode) {
  Placement placement;
  placement.via = via;
  placement.mode = mode;
  placement.ifindex = ifindex;
  identify(placement, program.program_fd());
  if (via == AttachVia::dispatcher) {
    auto added = add_to_dispatcher(program, ifindex, mode);
    if (!added) return added.error();
    placement.program = std::move(added).value();
    identify(placement, placement.program.get());
  } else if (via == AttachVia::link) {
    auto link = make_link(program.program_fd(), ifindex, mode);
    if (!link) return link.error();
    placement.link = std::move(link).value();
  } else {
    if (auto set = set_by_netlink(program.program_fd(), ifindex, mode, -1); !set) {
      return set.error();
    }
    placement.program = duplicate(program.program_fd());
  }
  return placement;
}

Status replace(Placement& predecessor, const SteerProgram& program) {
  if (predecessor.via == AttachVia::dispatcher) {
    auto added = add_to_dispatcher(program, predecessor.ifindex, predecessor.mode);
    if (!added) return added.error();
    if (auto removed = remove_from_dispatcher(predecessor.program_id, predecessor.ifindex);
        !removed) {
      return removed;
    }
    predecessor.program = std::move(added).value();
    identify(predecessor, predecessor.program.get());
    return {};
  }
  if (predecessor.via == AttachVia::link) {
    if (bpf_link_update(predecessor.link.get(), program.program_fd(), nullptr) != 0) {
      return refusal("replacing the program of a BPF link", errno, {CAP_NET_ADMIN});
    }
  } else {
    auto changed = change_by_netlink(predecessor, program.program_fd());
    if (!changed) return changed;
    predecessor.program = duplicate(program.program_fd());
  }
  identify(predecessor, program.program_fd());
  return {};
}

Status take_off(Placement& placement) {
  if (placement.via == AttachVia::link) {
    // Explicitly: another process may hold a descriptor of the link.
    if (placement.link && bpf_link_detach(placement.link.get()) != 0 && errno != ENOLINK) {
      return errno_error("detaching the BPF link");
    }
    placement.link.reset();
    return {};
  }
  if (interface_is_gone(placement.ifindex)) {
    if (placement.via == AttachVia::dispatcher) clean_dispatcher_pins(placement.ifindex);
    return {};
  }
  if (!in_place(placement)) return {};
  if (placement.via == AttachVia::dispatcher) {
    return remove_from_dispatcher(placement.program_id, placement.ifindex);
  }
  return change_by_netlink(placement, -1);
}

bool in_place(const Placement& placement) {
  if (placement.via == AttachVia::link) {
    const auto info = link_info(placement.link.get());
    return info && info->ifindex == placement.ifindex;
  }
  // When another program comes or goes libxdp replaces the dispatcher: who asked for its number
  // just before looks for members that have moved on.
  for (int look_again = 0; look_again < 10; ++look_again) {
    if (is_among_programs(placement)) return true;
    if (interface_is_gone(placement.ifindex)) return false;
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

Result<Residents> residents(std::uint32_t ifindex, const Pins* pins) {
  // A link whose last descriptor was just closed has no number any more, and its program is still
  // there for a moment.
  for (int look_again = 0; look_again < 100; ++look_again) {
    auto found = look(ifindex, pins);
    if (!found || !found->ours || !is_held_by_unseen_link(*found->ours)) return found;
    std::this_thread::sleep_for(10ms);
  }
  return Error{"a BPF link that cannot be opened holds a program of xdp-mesh's on interface " +
                   std::to_string(ifindex),
               EBUSY};
}

}  // namespace xm
