#include "agent/ctl/attach_plan.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "xdpmesh/abi.h"

namespace xm {
namespace {

// XDP_PACKET_HEADROOM of linux/bpf.h: the kernel keeps it free at the start of every chunk.
constexpr std::uint32_t kHeadroom = 256;
// An Ethernet header and two VLAN tags.
constexpr std::uint32_t kLongestLinkHeader = 14 + 2 * 4;

class Plan {
 public:
  Plan(const AttachRequest& request, const InterfaceFacts& interface, const LoaderFacts& loader)
      : request_(request), interface_(interface), loader_(loader) {
    reply_.interface = request.interface;
    reply_.dry_run = true;
  }

  AttachReply make() && {
    if (!is_free() || !has_place() || !may_load()) return std::move(reply_);
    plan_pins();
    if (!adopts()) {
      choose_mode();
      if (mode_ == AttachMode::automatic) return std::move(reply_);
      choose_way();
    }
    choose_receiving();
    reply_.attached = !fails_;
    return std::move(reply_);
  }

 private:
  void took(std::string what, std::string reason) {
    reply_.steps.push_back({std::move(what), true, std::move(reason)});
  }
  void refused(std::string what, std::string reason) {
    reply_.steps.push_back({std::move(what), false, std::move(reason)});
  }

  // What was demanded is refused when it cannot be; while the interface is down that is not known.
  void lacks(bool demanded) { fails_ = fails_ || (demanded && interface_.up); }

  bool is_free() {
    if (interface_.owner.empty()) return true;
    refused("own " + interface_.name, "an xdp-mesh agent (process " + interface_.owner +
                                          ") already owns it: `xdp-mesh detach " + interface_.name +
                                          "` makes it let go");
    return false;
  }

  // Programs of others keep their place. Ours is what an agent left that is gone: nobody owns it.
  bool has_place() {
    for (const AttachedProgram& program : interface_.programs) {
      if (program.is_ours()) {
        predecessor_ = program;
      } else if (program.dispatcher) {
        look_into(program);
      } else {
        refused("find a place on the interface",
                program.to_string() + " is there and is never replaced: remove it (`ip link set " +
                    interface_.name + " xdp off`), or load it by libxdp (`xdp-loader load`), " +
                    "whose dispatcher runs both");
        return false;
      }
    }
    return true;
  }

  void look_into(const AttachedProgram& dispatcher) {
    const auto ours = std::ranges::find_if(dispatcher.members, &AttachedProgram::is_ours);
    if (ours != dispatcher.members.end()) predecessor_ = *ours;
    if (!predecessor_ || dispatcher.members.size() > 1) other_dispatcher_ = dispatcher;
  }

  bool may_load() {
    std::string missing;
    for (const auto& [has, name] :
         {std::pair{loader_.bpf, "CAP_BPF"}, std::pair{loader_.perfmon, "CAP_PERFMON"},
          std::pair{loader_.network_admin, "CAP_NET_ADMIN"}}) {
      if (!has) missing += (missing.empty() ? "" : ", ") + std::string(name);
    }
    if (!missing.empty()) {
      refused("load the program",
              "this process lacks " + missing + ": run as root, or give the agent what is missing");
    } else if (!loader_.btf) {
      refused("load the program",
              "no BTF of this kernel is found (/sys/kernel/btf/vmlinux): the program is fitted to "
              "the kernel's types by it; a kernel built with CONFIG_DEBUG_INFO_BTF has it");
    } else {
      took("load the program", "");
      return true;
    }
    return false;
  }

  void plan_pins() {
    if (loader_.bpffs) {
      took("pins in " + loader_.bpffs->directory, "");
    } else if (loader_.system_admin) {
      took("pins in a bpffs of xdp-mesh's own", "none is mounted on /sys/fs/bpf");
    } else {
      refused("pins",
              "no bpffs is mounted, and CAP_SYS_ADMIN is missing to mount one; the program goes "
              "when the agent ends");
    }
  }

  // A predecessor's mode and way go on, unless another mode is asked for.
  bool adopts() {
    if (!predecessor_) return false;
    if (request_.mode == AttachMode::automatic || request_.mode == predecessor_->mode) {
      mode_ = predecessor_->mode;
      took("adopt or replace our own program", predecessor_->to_string() + " is there");
      return true;
    }
    took("take off our own program",
         predecessor_->to_string() + " is there, and another mode is asked for");
    return false;
  }

  void choose_mode() {
    if (other_dispatcher_) return join_mode(other_dispatcher_->mode);
    if (request_.mode == AttachMode::generic) {
      mode_ = AttachMode::generic;
      took("generic mode", "asked for");
      return;
    }
    if (interface_.loopback) {
      refused("native mode", "a loopback has no driver that could run a program");
    } else if (interface_.features && !interface_.features->basic) {
      refused("native mode", driver_name(interface_) + " has no XDP");
    } else {
      mode_ = AttachMode::native;
      took("native mode", interface_.features
                              ? driver_name(interface_) + " says that it can"
                              : "not known before it is tried: this kernel does not say what " +
                                    driver_name(interface_) + " can (Linux 6.3 and later do)");
      return;
    }
    if (request_.mode == AttachMode::automatic) {
      mode_ = AttachMode::generic;
      took("generic mode", "works on any interface");
    }
  }

  // The kernel runs programs in one mode at a time.
  void join_mode(AttachMode theirs) {
    const std::string name(attach_mode_name(request_.mode));
    if (request_.mode != AttachMode::automatic && request_.mode != theirs) {
      refused(name + " mode", other_dispatcher_->to_string() + " is there in the other mode");
      return;
    }
    mode_ = theirs;
    took(std::string(attach_mode_name(theirs)) + " mode",
         "as " + other_dispatcher_->to_string() + ", which is there");
  }

  void choose_way() {
    if (!loader_.dispatcher_obstacle) {
      took("libxdp dispatcher",
           other_dispatcher_ ? other_dispatcher_->to_string() + " is there and stays: it runs both"
                             : "other XDP programs can join");
      return;
    }
    refused("libxdp dispatcher", *loader_.dispatcher_obstacle);
    if (other_dispatcher_) {
      refused("BPF link", other_dispatcher_->to_string() + " has the place");
      fails_ = true;
      return;
    }
    took("BPF link", "else netlink");
  }

  void choose_receiving() {
    if (request_.rx == ReceiveChoice::socket) {
      took("receive by the UDP socket", "asked for");
      return;
    }
    std::string obstacle = redirect_obstacle(interface_, mode_);
    if (!loader_.network_raw) obstacle = "CAP_NET_RAW is missing";
    if (!obstacle.empty()) {
      refused("AF_XDP sockets", obstacle + "; data messages come by the UDP socket");
      lacks(request_.rx == ReceiveChoice::xdp || request_.zero_copy == ZeroCopyChoice::yes);
      return;
    }
    choose_queues();
    choose_copying();
    choose_chunks();
    if (request_.rx == ReceiveChoice::automatic) {
      took("choose between AF_XDP and the UDP socket",
           "by the driver's abilities and what is "
           "measured, again and again");
    }
    if (!interface_.up) took("wait", interface_.name + " is down: nothing arrives until it is up");
  }

  void choose_queues() {
    const std::uint32_t there =
        std::clamp<std::uint32_t>(interface_.receive_queues, 1, XM_MAX_QUEUES);
    queues_ = std::min(request_.queues.value_or(there), there);
    std::string reason = std::to_string(there) + " receive queue(s) there";
    if (request_.queues && *request_.queues > there) {
      reason += ", " + std::to_string(*request_.queues) + " asked for";
    } else if (queues_ < there) {
      reason += ": packets of the others come by the UDP socket";
    }
    took("AF_XDP sockets on " + std::to_string(queues_) + " queue(s)", reason);
  }

  void choose_copying() {
    if (request_.zero_copy == ZeroCopyChoice::no) {
      took("copy mode", "asked for");
      return;
    }
    const std::string obstacle = zero_copy_obstacle(interface_, mode_);
    if (obstacle.empty()) {
      took("zero-copy", interface_.features ? driver_name(interface_) + " says that it can"
                                            : "tried; else copy mode");
      return;
    }
    refused("zero-copy", obstacle);
    if (request_.zero_copy == ZeroCopyChoice::yes) return lacks(true);
    took("copy mode", "");
  }

  void choose_chunks() {
    const std::uint32_t frame = interface_.mtu + kLongestLinkHeader;
    const std::uint32_t chunk =
        request_.chunk_size.value_or(frame + kHeadroom <= 2048 ? 2048 : 4096);
    std::string reason = "frames up to " + std::to_string(chunk - kHeadroom) + " bytes";
    if (frame + kHeadroom > chunk) {
      reason += "; longer ones (the MTU is " + std::to_string(interface_.mtu) +
                ") come by the UDP socket";
    }
    const std::uint64_t locked = std::uint64_t{queues_} * request_.chunks * chunk;
    if (!loader_.lock_memory && loader_.locked_memory_limit &&
        locked > *loader_.locked_memory_limit) {
      reason += "; the limit on locked memory is " + std::to_string(*loader_.locked_memory_limit) +
                " bytes: there will be fewer (raise it: ulimit -l, LimitMEMLOCK=)";
    }
    took(std::to_string(request_.chunks) + " chunks of " + std::to_string(chunk) + " bytes a queue",
         reason);
  }

  const AttachRequest& request_;
  const InterfaceFacts& interface_;
  const LoaderFacts& loader_;
  AttachReply reply_;
  AttachMode mode_ = AttachMode::automatic;          // native or generic, once it is chosen
  std::optional<AttachedProgram> predecessor_;       // of ours
  std::optional<AttachedProgram> other_dispatcher_;  // runs programs of others
  bool fails_ = false;
  std::uint32_t queues_ = 1;
};

}  // namespace

AttachReply plan_attach(const AttachRequest& request, const InterfaceFacts& interface,
                        const LoaderFacts& loader) {
  return Plan(request, interface, loader).make();
}

std::string plan_text(const AttachReply& plan) {
  std::string text =
      plan.interface + (plan.attached ? ": would be attached\n" : ": would not be attached\n");
  for (const AttachStep& step : plan.steps) {
    text += (step.taken ? "  done     " : "  refused  ") + step.what +
            (step.reason.empty() ? "" : ": " + step.reason) + "\n";
  }
  return text;
}

}  // namespace xm
