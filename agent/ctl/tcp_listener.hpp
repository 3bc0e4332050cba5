// A listening TCP socket.
#pragma once

#include "xdpmesh/addr.hpp"
#include "xdpmesh/fd.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// Listens at `address`, which is one of this machine's; an IPv6 address is for IPv6 alone. Does not
// block.
[[nodiscard]] Result<Fd> listen_on_tcp(const Endpoint& address);

}  // namespace xm
