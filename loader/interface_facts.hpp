// What is known of an interface before anything is changed: for `attach --dry-run` and `doctor`.
//
// A fact that the kernel does not tell is absent; no fact is an error except that there is no such
// interface. Thread: any, in the interface's network namespace.
#pragma once

#include <net/if.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loader/attach_report.hpp"
#include "loader/attached_programs.hpp"
#include "loader/bpffs.hpp"
#include "xdpmesh/addr.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// ETHTOOL_GCHANNELS. An interface without channels has one receive queue.
struct ChannelCounts {
  std::uint32_t receive = 0;
  std::uint32_t transmit = 0;
  std::uint32_t combined = 0;
};

// What the driver says it can (the netdev generic netlink family, Linux 6.3).
struct XdpFeatures {
  bool basic = false;          // native XDP
  bool redirect = false;       // XDP_REDIRECT
  bool zero_copy = false;      // AF_XDP without copies
  bool receive_frags = false;  // packets of several buffers
  std::uint64_t bits = 0;      // NETDEV_XDP_ACT_*
};

struct InterfaceFacts {
  std::string name;
  std::uint32_t index = 0;
  bool up = false;
  bool loopback = false;
  std::array<std::uint8_t, 6> mac{};  // zero where it has none
  std::uint32_t mtu = 0;
  std::string driver;  // empty when it does not say
  std::optional<ChannelCounts> channels;
  std::optional<ChannelCounts> most_channels;
  std::uint32_t receive_queues = 1;
  std::optional<XdpFeatures> features;
  // Generic receive offload. On a veth: whether packets that the program passes are joined by NAPI
  // before they reach a socket.
  std::optional<bool> gro;
  // Its own and those of the VLAN devices on it, but for link-local ones that it shares: none that
  // another interface has as well.
  std::vector<IpAddress> addresses;
  std::vector<AttachedProgram> programs;
  // The process of the agent that owns it; empty when none does. A program of ours on it is then
  // what a dead agent left.
  std::string owner;

  // Whether its packets have Ethernet headers: those of a TUN or of WireGuard have none.
  [[nodiscard]] bool has_ethernet() const;
};

[[nodiscard]] Result<InterfaceFacts> interface_facts(const std::string& name,
                                                     const Places& places = {});

// What this process may do, and with what.
struct LoaderFacts {
  bool bpf = false;            // CAP_BPF or CAP_SYS_ADMIN
  bool perfmon = false;        // CAP_PERFMON or CAP_SYS_ADMIN: the program reads kernel memory
  bool network_admin = false;  // CAP_NET_ADMIN
  bool network_raw = false;    // CAP_NET_RAW: AF_XDP sockets
  bool system_admin = false;   // CAP_SYS_ADMIN: the dispatcher, names of foreign programs
  bool lock_memory = false;    // CAP_IPC_LOCK: no limit on locked memory
  // RLIMIT_MEMLOCK, of the UMEMs, and before Linux 5.11 of maps too; absent: unlimited.
  std::optional<std::uint64_t> locked_memory_limit;
  bool maps_count_as_locked = false;
  bool btf = false;  // the kernel's own types are readable: the program is fitted to them (CO-RE)
  std::string kernel;
  std::optional<Bpffs> bpffs;
  // Why libxdp's dispatcher cannot be used; absent when it can.
  std::optional<std::string> dispatcher_obstacle;
};

// Loads and unloads two empty programs to ask for the dispatcher; changes nothing.
[[nodiscard]] LoaderFacts loader_facts(const Places& places = {});

// "the driver veth".
[[nodiscard]] std::string driver_name(const InterfaceFacts& interface);

// Why a program in this mode, native or generic, brings nothing to AF_XDP sockets there; empty when
// nothing speaks against it.
[[nodiscard]] std::string redirect_obstacle(const InterfaceFacts& interface, AttachMode mode);
// Likewise, why their packets are copied.
[[nodiscard]] std::string zero_copy_obstacle(const InterfaceFacts& interface, AttachMode mode);

}  // namespace xm
