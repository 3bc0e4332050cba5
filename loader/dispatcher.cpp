#include "loader/dispatcher.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <xdp/libxdp.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "loader/library_messages.hpp"
#include "loader/program_info.hpp"
#include "loader/refusal.hpp"
#include "probe.skel.h"
#include "steer.skel.h"

namespace xm {
namespace {

constexpr unsigned kRunPriority = 50;

struct CloseProgram {
  void operator()(xdp_program* program) const { xdp_program__close(program); }
};
using LibxdpProgram = std::unique_ptr<xdp_program, CloseProgram>;

struct DestroyProbe {
  void operator()(probe* skeleton) const { probe__destroy(skeleton); }
};
using Probe = std::unique_ptr<probe, DestroyProbe>;

// libxdp returns pointers that may be errors: those are handed on as null with errno.
template <typename Owner, typename T>
Owner owned(T* returned) {
  const long error = libxdp_get_error(returned);
  if (error == 0) return Owner(returned);
  errno = static_cast<int>(-error);
  return Owner();
}

Error with_library_words(Error error) {
  const std::string words = take_library_message();
  if (!words.empty()) error.what += " (" + words + ")";
  return error;
}

xdp_attach_mode libxdp_mode(AttachMode mode) {
  return mode == AttachMode::generic ? XDP_MODE_SKB : XDP_MODE_NATIVE;
}

// Every map of `object` becomes the one of the same name that `program` has.
Status share_maps(const steer& object, const SteerProgram& program) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object.obj) {
    const bpf_map* theirs = bpf_object__find_map_by_name(program.object().obj, bpf_map__name(map));
    if (theirs == nullptr || bpf_map__is_internal(map)) continue;
    if (const int status = bpf_map__reuse_fd(map, bpf_map__fd(theirs)); status != 0) {
      return refusal(std::string("sharing the map ") + bpf_map__name(map), -status, {CAP_BPF});
    }
  }
  return {};
}

bool has_member(std::uint32_t ifindex, std::uint32_t program_id) {
  const auto programs = attached_programs(ifindex);
  return programs && std::ranges::any_of(programs.value(), [&](const AttachedProgram& program) {
           return std::ranges::any_of(program.members,
                                      [&](const auto& m) { return m.id == program_id; });
         });
}

}  // namespace

std::optional<std::string> dispatcher_obstacle() {
  catch_library_messages();
  const Probe target(probe__open_and_load());
  if (!target) return errno_error("loading a program to put another into").what;
  const Probe extension(probe__open());
  if (!extension) return errno_error("opening a program to put into another").what;
  bpf_program* program = extension->progs.xm_probe;
  bpf_program__set_type(program, BPF_PROG_TYPE_EXT);
  bpf_program__set_expected_attach_type(program, static_cast<bpf_attach_type>(0));
  int status =
      bpf_program__set_attach_target(program, bpf_program__fd(target->progs.xm_probe), "xm_probe");
  if (status == 0) status = probe__load(extension.get());
  if (status != 0) return refusal("loading a program extension", -status, {CAP_SYS_ADMIN}).what;
  const Fd link(bpf_raw_tracepoint_open(nullptr, bpf_program__fd(program)));
  if (!link) return refusal("putting a program into another", errno, {CAP_SYS_ADMIN}).what;
  return std::nullopt;
}

// Not by xdp_multiprog__get_from_ifindex(): in libxdp 1.3 what that opens stays open, and
// interfaces are looked at all the time.
std::vector<AttachedProgram> dispatcher_members(std::uint32_t ifindex, std::uint32_t dispatcher_id,
                                                AttachMode mode) {
  const std::string folder = "/sys/fs/bpf/xdp/dispatch-" + std::to_string(ifindex) + "-" +
                             std::to_string(dispatcher_id) + "/prog";
  std::vector<AttachedProgram> members;
  for (;;) {
    const std::string pin = folder + std::to_string(members.size()) + "-prog";
    const Fd program(bpf_obj_get(pin.c_str()));
    auto info = program_info(program.get());
    if (!info) return members;
    AttachedProgram member;
    member.id = info->id;
    member.mode = mode;
    member.name = std::move(info->name);
    member.tag = std::move(info->tag);
    members.push_back(std::move(member));
  }
}

Result<Fd> add_to_dispatcher(const SteerProgram& program, std::uint32_t ifindex, AttachMode mode) {
  auto object = open_steer_object();
  if (!object) return object.error();
  if (auto shared = share_maps(**object, program); !shared) return shared.error();

  xdp_program_opts options{};
  options.sz = sizeof options;
  options.obj = (*object)->obj;
  options.prog_name = "xm_steer";
  const auto added = owned<LibxdpProgram>(xdp_program__create(&options));
  if (!added) return with_library_words(errno_error("libxdp does not take the program"));
  if (bpf_program__flags(program.object().progs.xm_steer) & BPF_F_XDP_HAS_FRAGS) {
    xdp_program__set_xdp_frags_support(added.get(), true);
  }
  xdp_program__set_run_prio(added.get(), kRunPriority);
  xdp_program__set_chain_call_enabled(added.get(), XDP_PASS, true);
  take_library_message();
  const int status =
      xdp_program__attach(added.get(), static_cast<int>(ifindex), libxdp_mode(mode), 0);
  if (status != 0) return with_library_words(refusal("libxdp", -status, {CAP_SYS_ADMIN}));
  if (!has_member(ifindex, xdp_program__id(added.get()))) {
    xdp_program__detach(added.get(), static_cast<int>(ifindex), libxdp_mode(mode), 0);
    return Error{"libxdp attached the program without its dispatcher", EOPNOTSUPP};
  }
  Fd fd(::fcntl(xdp_program__fd(added.get()), F_DUPFD_CLOEXEC, 0));
  if (!fd) return errno_error("keeping the dispatcher's program");
  return fd;
}

Status remove_from_dispatcher(std::uint32_t program_id, std::uint32_t ifindex) {
  catch_library_messages();
  if (!has_member(ifindex, program_id)) return {};
  // Not by xdp_program__from_id(): in libxdp 1.3 the descriptor that it opens stays open.
  const Fd fd = program_by_id(program_id);
  if (!fd) return errno_error("opening the dispatcher's program");
  const auto program = owned<LibxdpProgram>(xdp_program__from_fd(fd.get()));
  if (!program) return with_library_words(errno_error("libxdp does not find the program"));
  const int status =
      xdp_program__detach(program.get(), static_cast<int>(ifindex), XDP_MODE_UNSPEC, 0);
  if (status != 0) {
    return with_library_words(
        refusal("libxdp does not take the program out", -status, {CAP_SYS_ADMIN}));
  }
  return {};
}

void clean_dispatcher_pins(std::uint32_t ifindex) {
  catch_library_messages();
  libxdp_clean_references(static_cast<int>(ifindex));
}

}  // namespace xm
