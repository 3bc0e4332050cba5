// The addresses of this machine, in the network namespace of the calling thread. Any thread.
#pragma once

#include <string>
#include <vector>

#include "xdpmesh/addr.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

struct LocalAddress {
  IpAddress address;
  Prefix network;  // the address with the length that it has on its interface
  std::string interface;
};

// Of every interface that is up but loopback and `but` (the tunnel's own). getifaddrs(3).
[[nodiscard]] Result<std::vector<LocalAddress>> local_addresses(const std::string& but = {});

}  // namespace xm
