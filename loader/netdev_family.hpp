// The netdev generic netlink family: what a driver says of its XDP (Linux 6.3 and newer;
// Documentation/netlink/specs/netdev.yaml of the kernel). Inside loader/ only.
#pragma once

#include <cstdint>
#include <optional>

namespace xm {

// NETDEV_A_DEV_XDP_FEATURES of an interface: a mask of XdpAct. Nothing where the kernel has no such
// family or does not answer.
[[nodiscard]] std::optional<std::uint64_t> xdp_feature_bits(std::uint32_t ifindex);

// enum netdev_xdp_act of <linux/netdev.h>, which Debian 12's headers lack.
enum XdpAct : std::uint64_t {
  kXdpActBasic = 1,
  kXdpActRedirect = 2,
  kXdpActZeroCopy = 8,
  kXdpActReceiveFrags = 32,
};

}  // namespace xm
