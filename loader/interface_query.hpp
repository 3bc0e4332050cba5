// Single questions about an interface, by ioctl(2). Inside loader/ only.
#pragma once

#include <linux/ethtool.h>
#include <net/if.h>

#include <cstdint>
#include <optional>
#include <string>

#include "xdpmesh/fd.hpp"

namespace xm {

// Its name; empty when there is none of this number in the calling thread's network namespace.
[[nodiscard]] std::string interface_name(std::uint32_t ifindex);

// Asks about one interface, over one socket.
class InterfaceQuery {
 public:
  explicit InterfaceQuery(std::string name);

  [[nodiscard]] std::optional<unsigned> flags() const;  // IFF_*
  [[nodiscard]] std::optional<std::uint32_t> mtu() const;
  // The answer to SIOCGIFHWADDR; nothing unless it is Ethernet's kind.
  [[nodiscard]] std::optional<ifreq> hardware_address() const;
  // `command` is an ethtool structure whose `cmd` is set. False when the driver has no answer.
  template <typename Command>
  [[nodiscard]] bool ethtool(Command& command) const {
    return ask_ethtool(&command);
  }

 private:
  [[nodiscard]] std::optional<ifreq> ask(unsigned long request) const;
  [[nodiscard]] bool ask_ethtool(void* command) const;

  std::string name_;
  Fd socket_;
};

}  // namespace xm
