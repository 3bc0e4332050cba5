#include "loader/interface_facts.hpp"

#include <bpf/btf.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "loader/capabilities.hpp"
#include "loader/dispatcher.hpp"
#include "loader/interface_lock.hpp"
#include "loader/interface_query.hpp"
#include "loader/library_messages.hpp"
#include "loader/netdev_family.hpp"
#include "loader/vlan_devices.hpp"

namespace xm {
namespace {

struct FreeTypes {
  void operator()(btf* types) const { ::btf__free(types); }
};

struct FreeAddresses {
  void operator()(ifaddrs* list) const { ::freeifaddrs(list); }
};

// An IPv4 address may carry a label of its own, "eth0:1".
std::string_view without_label(std::string_view name) {
  return name.substr(0, name.find(':'));
}

std::optional<IpAddress> address_in(const ifaddrs& entry) {
  if (entry.ifa_addr == nullptr) return std::nullopt;
  sockaddr_storage address{};
  const int family = entry.ifa_addr->sa_family;
  if (family != AF_INET && family != AF_INET6) return std::nullopt;
  std::memcpy(&address, entry.ifa_addr,
              family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
  return Endpoint::from_sockaddr(address).address;
}

bool is_link_local(const IpAddress& address) {
  return address.is_v6() && address.octets[0] == 0xfe && (address.octets[1] & 0xc0) == 0x80;
}

// Also those of the VLAN devices on it: the XDP program sees their packets. Without the link-local
// ones that another interface has too, VLAN devices included. A bridge and its port, or a VLAN and
// what it lies on, have one MAC and so one such address: a packet to it is the upper one's, whose
// tag a driver may have taken off before the program could see it.
std::vector<IpAddress> addresses_of(const std::string& interface) {
  const std::vector<std::string> vlans = vlan_devices_on(interface);
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return {};
  const std::unique_ptr<ifaddrs, FreeAddresses> owner(list);
  std::vector<IpAddress> found;
  std::vector<IpAddress> elsewhere;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    const auto address = address_in(*entry);
    if (!address) continue;
    const std::string_view name = without_label(entry->ifa_name);
    const bool is_vlan = std::ranges::find(vlans, name) != vlans.end();
    const bool is_ours = name == interface || (is_vlan && !is_link_local(*address));
    (is_ours ? found : elsewhere).push_back(*address);
  }
  std::erase_if(found, [&](const IpAddress& address) {
    return is_link_local(address) && std::ranges::find(elsewhere, address) != elsewhere.end();
  });
  return found;
}

void fill_driver(const InterfaceQuery& query, InterfaceFacts& facts) {
  ethtool_drvinfo driver{};
  driver.cmd = ETHTOOL_GDRVINFO;
  if (query.ethtool(driver)) facts.driver.assign(driver.driver, ::strnlen(driver.driver, 32));
  ethtool_channels channels{};
  channels.cmd = ETHTOOL_GCHANNELS;
  if (query.ethtool(channels)) {
    facts.channels = {channels.rx_count, channels.tx_count, channels.combined_count};
    facts.most_channels = {channels.max_rx, channels.max_tx, channels.max_combined};
    facts.receive_queues = std::max(1U, channels.rx_count + channels.combined_count);
  }
  ethtool_value offload{};
  offload.cmd = ETHTOOL_GGRO;
  if (query.ethtool(offload)) facts.gro = offload.data != 0;
}

std::optional<XdpFeatures> features_of(std::uint32_t index) {
  const auto bits = xdp_feature_bits(index);
  if (!bits) return std::nullopt;
  XdpFeatures features;
  features.basic = (*bits & kXdpActBasic) != 0;
  features.redirect = (*bits & kXdpActRedirect) != 0;
  features.zero_copy = (*bits & kXdpActZeroCopy) != 0;
  features.receive_frags = (*bits & kXdpActReceiveFrags) != 0;
  features.bits = *bits;
  return features;
}

// Since 5.11 maps are charged to the memory cgroup instead.
bool counts_maps_as_locked(const char* release) {
  unsigned major = 0;
  unsigned minor = 0;
  if (std::sscanf(release, "%u.%u", &major, &minor) != 2) return false;
  return major < 5 || (major == 5 && minor < 11);
}

// Where libbpf looks when it loads the program: /sys/kernel/btf, /boot and others.
bool has_kernel_types() {
  catch_library_messages();
  return std::unique_ptr<btf, FreeTypes>(::btf__load_vmlinux_btf()) != nullptr;
}

}  // namespace

Result<InterfaceFacts> interface_facts(const std::string& name, const Places& places) {
  InterfaceFacts facts;
  facts.name = name;
  facts.index = ::if_nametoindex(name.c_str());
  if (facts.index == 0) return errno_error("there is no interface " + name + " here");
  const InterfaceQuery query(name);
  if (const auto flags = query.flags()) {
    facts.up = (*flags & IFF_UP) != 0;
    facts.loopback = (*flags & IFF_LOOPBACK) != 0;
  }
  if (const auto mtu = query.mtu()) facts.mtu = *mtu;
  if (const auto hardware = query.hardware_address()) {
    std::memcpy(facts.mac.data(), hardware->ifr_hwaddr.sa_data, facts.mac.size());
  }
  fill_driver(query, facts);
  facts.features = features_of(facts.index);
  facts.addresses = addresses_of(name);
  if (auto programs = attached_programs(facts.index)) facts.programs = std::move(*programs);
  facts.owner = InterfaceLock::owner(places.run, facts.index);
  return facts;
}

LoaderFacts loader_facts(const Places& places) {
  LoaderFacts facts;
  const Capabilities held = Capabilities::effective();
  facts.system_admin = held.has(CAP_SYS_ADMIN);
  facts.bpf = held.has(CAP_BPF) || facts.system_admin;
  facts.perfmon = held.has(CAP_PERFMON) || facts.system_admin;
  facts.network_admin = held.has(CAP_NET_ADMIN);
  facts.network_raw = held.has(CAP_NET_RAW);
  facts.lock_memory = held.has(CAP_IPC_LOCK);
  rlimit limit{};
  if (::getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    facts.locked_memory_limit = limit.rlim_cur;
  }
  utsname machine{};
  if (::uname(&machine) == 0) {
    facts.kernel = machine.release;
    facts.maps_count_as_locked = counts_maps_as_locked(machine.release);
  }
  facts.btf = has_kernel_types();
  facts.bpffs = find_bpffs(places);
  if (facts.bpffs && facts.bpffs->shared) {
    facts.dispatcher_obstacle = dispatcher_obstacle();
  } else {
    facts.dispatcher_obstacle = places.bpffs + " is no bpffs";
  }
  return facts;
}

bool InterfaceFacts::has_ethernet() const {
  return loopback || mac != std::array<std::uint8_t, 6>{};
}

std::string driver_name(const InterfaceFacts& interface) {
  return "the driver " + (interface.driver.empty() ? "of " + interface.name : interface.driver);
}

std::string redirect_obstacle(const InterfaceFacts& interface, AttachMode mode) {
  if (!interface.has_ethernet()) {
    return interface.name + " has no Ethernet headers: the program passes everything there";
  }
  if (mode == AttachMode::native && interface.features && !interface.features->redirect) {
    return driver_name(interface) + " cannot redirect";
  }
  return {};
}

std::string zero_copy_obstacle(const InterfaceFacts& interface, AttachMode mode) {
  if (mode == AttachMode::generic) return "generic mode copies";
  if (interface.features && !interface.features->zero_copy) {
    return driver_name(interface) + " has no zero-copy (netdev features)";
  }
  return {};
}

}  // namespace xm
