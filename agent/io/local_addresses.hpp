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

// Every address that packets to this machine may have, of interfaces that are up, loopback and
// tunnels included; sorted, without link-local ones, which may be somebody else's on another
// interface. What comes from outside has none of them as its source.
[[nodiscard]] Result<std::vector<IpAddress>> own_addresses();

}  // namespace xm
