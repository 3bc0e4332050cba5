#include "agent/ctl/attach_plan.hpp"

#include <algorithm>
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
    if (!may_load() || !has_place()) return std::move(reply_);
    choose_mode();
    if (native_ || generic_) {
      choose_way();
      choose_receiving();
      reply_.attached = !fails_;
    }
    return std::move(reply_);
  }

 private:
  void took(std::string what, std::string reason) {
    reply_.steps.push_back({std::move(what), true, std::move(reason)});
  }
  void refused(std::string what, std::string reason) {
    reply_.steps.push_back({std::move(what), false, std::move(reason)});
  }

  bool may_load() {
    if (loader_.bpf && loader_.network_admin) {
      took("load the program", loader_.btf ? "" : "this kernel has no BTF; it is not needed");
      return true;
    }
    refused("load the program", std::string(loader_.bpf ? "CAP_NET_ADMIN" : "CAP_BPF") +
                                    " is missing: run as root, or give the agent that capability");
    return false;
  }

  // Programs of others keep their place.
  bool has_place() {
    for (const AttachedProgram& program : interface_.programs) {
      if (program.is_ours()) {
        took("adopt or replace our own program", program.to_string() + " is there");
      } else if (program.dispatcher) {
        behind_dispatcher_ = true;
        took("join libxdp's dispatcher", program.to_string() + " is there and stays");
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

  void choose_mode() {
    if (request_.mode == AttachMode::generic) {
      generic_ = true;
      took("generic mode", "asked for");
      return;
    }
    if (interface_.loopback) {
      refused("native mode", "a loopback has no driver that could run a program");
    } else if (interface_.features && !interface_.features->basic) {
      refused("native mode", "the driver " + driver() + " has no XDP");
    } else {
      native_ = true;
      took("native mode", interface_.features
                              ? "the driver " + driver() + " says that it can"
                              : "not known before it is tried: this kernel does not say what " +
                                    driver() + " can (Linux 6.3 and later do)");
      return;
    }
    if (request_.mode == AttachMode::automatic) {
      generic_ = true;
      took("generic mode", "works on any interface");
    }
  }

  void choose_way() {
    const bool can_dispatch =
        loader_.system_admin && loader_.bpffs.has_value() && loader_.bpffs->shared;
    if (can_dispatch) {
      took("libxdp dispatcher",
           "other XDP programs can join; where the kernel refuses it, a "
           "BPF link");
      return;
    }
    const std::string why = !loader_.system_admin ? "CAP_SYS_ADMIN is missing"
                            : loader_.bpffs       ? "the machine's bpffs is not in sight"
                                                  : "no bpffs is mounted";
    refused("libxdp dispatcher", why);
    if (behind_dispatcher_) {
      refused("BPF link", "the dispatcher that is there has the place");
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
    if (!loader_.network_raw) {
      refused("AF_XDP sockets", "CAP_NET_RAW is missing: data messages come by the UDP socket");
      fails_ = request_.rx == ReceiveChoice::xdp;
      return;
    }
    if (interface_.features && native_ && !interface_.features->redirect) {
      refused("AF_XDP sockets", "the driver " + driver() + " cannot redirect");
      fails_ = request_.rx == ReceiveChoice::xdp;
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
    const bool known_not = !native_ || (interface_.features && !interface_.features->zero_copy);
    if (!known_not) {
      took("zero-copy", interface_.features ? "the driver " + driver() + " says that it can"
                                            : "tried; else copy mode");
      return;
    }
    refused("zero-copy", native_ ? "the driver " + driver() + " cannot" : "generic mode copies");
    fails_ = fails_ || request_.zero_copy == ZeroCopyChoice::yes;
    if (!fails_) took("copy mode", "");
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

  [[nodiscard]] std::string driver() const {
    return interface_.driver.empty() ? "of " + interface_.name : interface_.driver;
  }

  const AttachRequest& request_;
  const InterfaceFacts& interface_;
  const LoaderFacts& loader_;
  AttachReply reply_;
  bool native_ = false;
  bool generic_ = false;
  bool behind_dispatcher_ = false;
  bool fails_ = false;
  std::uint32_t queues_ = 1;
};

std::string line(const std::string& label, const std::string& value) {
  return "  " + label + ": " + value + "\n";
}

std::string yes_or_no(bool value) {
  return value ? "yes" : "no";
}

std::string queues_text(const InterfaceFacts& interface) {
  std::string text = std::to_string(interface.receive_queues);
  if (interface.most_channels) {
    const ChannelCounts& most = *interface.most_channels;
    text += ", at most " + std::to_string(std::max(most.combined + most.receive, 1U)) +
            " (`ethtool -L " + interface.name +
            "`; newer kernels refuse fewer while AF_XDP sockets are bound: detach first)";
  }
  return text;
}

std::string features_text(const std::optional<XdpFeatures>& features) {
  if (!features) return "not known: the kernel does not say (Linux 6.3 and later do)";
  std::string text;
  const auto add = [&text](bool has, const char* name) {
    if (has) text += (text.empty() ? "" : ", ") + std::string(name);
  };
  add(features->basic, "native mode");
  add(features->redirect, "redirect");
  add(features->zero_copy, "zero-copy");
  add(features->receive_frags, "packets of several buffers");
  return text.empty() ? "none: generic mode only" : text;
}

std::string programs_text(const std::vector<AttachedProgram>& programs) {
  std::string text;
  for (const AttachedProgram& program : programs) {
    text += (text.empty() ? "" : ", ") + program.to_string();
    if (program.is_ours()) text += " of an xdp-mesh agent";
    if (program.dispatcher) text += ", libxdp's dispatcher";
    for (const AttachedProgram& member : program.members) text += ", in it " + member.to_string();
  }
  return text.empty() ? "none" : text;
}

}  // namespace

AttachReply plan_attach(const AttachRequest& request, const InterfaceFacts& interface,
                        const LoaderFacts& loader) {
  return Plan(request, interface, loader).make();
}

std::string facts_text(const InterfaceFacts& interface) {
  std::string text =
      line("device", "index " + std::to_string(interface.index) + ", driver " +
                         (interface.driver.empty() ? "unknown" : interface.driver) + ", MTU " +
                         std::to_string(interface.mtu) + (interface.up ? ", up" : ", down"));
  text += line("receive queues", queues_text(interface));
  text += line("XDP", features_text(interface.features));
  if (interface.gro) {
    text += line("GRO", *interface.gro ? "on"
                                       : "off (with it on the UDP socket gets many packets "
                                         "at once: `ethtool -K " +
                                             interface.name + " gro on`)");
  }
  text += line("programs there", programs_text(interface.programs));
  if (interface.addresses.empty()) {
    text += line("addresses", "none: what arrives passes to the kernel until there is one");
  }
  return text;
}

std::string facts_text(const LoaderFacts& loader) {
  std::string text = line("kernel", loader.kernel + (loader.btf ? ", with BTF" : ", without BTF"));
  text += line("CAP_BPF", yes_or_no(loader.bpf));
  text += line("CAP_NET_ADMIN", yes_or_no(loader.network_admin));
  text += line("CAP_NET_RAW", yes_or_no(loader.network_raw));
  text += line("CAP_SYS_ADMIN",
               yes_or_no(loader.system_admin) + (loader.system_admin ? "" : ": no dispatcher"));
  const bool unlimited = loader.lock_memory || !loader.locked_memory_limit;
  text += line("locked memory", unlimited
                                    ? "no limit"
                                    : std::to_string(*loader.locked_memory_limit) + " bytes" +
                                          (loader.maps_count_as_locked ? ", maps count too" : ""));
  text += line("bpffs", !loader.bpffs ? "none is mounted: one of our own is, where we may"
                                      : loader.bpffs->directory + (loader.bpffs->shared
                                                                       ? ""
                                                                       : ", our own: bpftool "
                                                                         "elsewhere does not see "
                                                                         "it"));
  return text;
}

std::string bypass_text() {
  return "Data messages that go to AF_XDP bypass the kernel's firewall (nftables, iptables),\n"
         "connection tracking and tcpdump: rules for the WireGuard port see only handshakes. They\n"
         "bypass the reverse-path filter (rp_filter), too: of their source address only martians "
         "and\n"
         "this machine's own addresses are refused.\n"
         "`xdpdump -i IF` (package xdp-tools) shows such packets; `xdp-mesh attach IF --rx "
         "socket`\n"
         "leaves them to the kernel.\n";
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
