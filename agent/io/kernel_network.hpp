// What the kernel is told about the tunnel's interface: up, MTU, addresses, and the routes that
// lead into it. The face; netlink_network.hpp is the kernel's, tests have a fake.
//
// Addresses and routes are given as the whole set that is wanted. Whatever of ours is not in it
// goes, what others made stays: their addresses and routes are neither changed nor removed.
//
// Thread: the control thread. Calls return when the kernel has answered, which is at once.
#pragma once

#include <cstdint>
#include <vector>

#include "xdpmesh/addr.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

class KernelNetwork {
 public:
  virtual ~KernelNetwork() = default;

  [[nodiscard]] virtual Status bring_up() = 0;
  [[nodiscard]] virtual Status set_mtu(std::uint32_t mtu) = 0;

  // Each as a host of its own (/32, /128), without duplicate address detection and without a route
  // of its own: what leads into the tunnel is said by set_routes() alone. An address that is there
  // already stays whose it is. On an error the others are set all the same.
  [[nodiscard]] virtual Status set_addresses(const std::vector<IpAddress>& wanted) = 0;

  // Through the interface, which must be up (it loses its routes when it goes down), in the main
  // table; a default route, the prefix of length 0, wins over those there by rules of its own
  // (routing_rules.hpp), which sockets marked with kOwnMark are exempt from. On an error the others
  // are set all the same; EEXIST: somebody else's route has this prefix and metric.
  [[nodiscard]] virtual Status set_routes(const std::vector<Prefix>& wanted) = 0;

  // Takes away what the two above have set.
  [[nodiscard]] Status remove_all() {
    Status routes = set_routes({});
    Status addresses = set_addresses({});
    return routes ? addresses : routes;
  }
};

}  // namespace xm
