// What doctor says of the machine and its interfaces.
#include <algorithm>

#include "agent/ctl/attach_plan.hpp"

namespace xm {
namespace {

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
  if (!interface.owner.empty()) {
    text += line("owner", "an xdp-mesh agent, process " + interface.owner);
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
  text += line("CAP_PERFMON", yes_or_no(loader.perfmon));
  text += line("CAP_NET_ADMIN", yes_or_no(loader.network_admin));
  text += line("CAP_NET_RAW", yes_or_no(loader.network_raw));
  text += line("CAP_IPC_LOCK", yes_or_no(loader.lock_memory));
  text += line("CAP_SYS_ADMIN", yes_or_no(loader.system_admin));
  text += line("libxdp's dispatcher",
               loader.dispatcher_obstacle ? "no: " + *loader.dispatcher_obstacle : "yes");
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

}  // namespace xm
