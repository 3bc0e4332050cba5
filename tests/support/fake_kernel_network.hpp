// The kernel's side of the tunnel's interface, as a value: what was asked for and how often, and
// refusals on demand.
#pragma once

#include <cerrno>
#include <cstdint>
#include <set>
#include <vector>

#include "agent/io/kernel_network.hpp"

namespace xm::test {

class FakeKernelNetwork final : public KernelNetwork {
 public:
  bool up = false;
  std::uint32_t mtu = 0;
  std::set<IpAddress> addresses;
  std::set<Prefix> routes;
  std::set<Prefix> taken;  // prefixes of somebody else's: refused
  int changes = 0;         // addresses and routes that were added or removed

  [[nodiscard]] Status bring_up() override {
    up = true;
    return {};
  }
  [[nodiscard]] Status set_mtu(std::uint32_t wanted) override {
    mtu = wanted;
    return {};
  }
  [[nodiscard]] Status set_addresses(const std::vector<IpAddress>& wanted) override {
    set(addresses, {wanted.begin(), wanted.end()});
    return {};
  }
  [[nodiscard]] Status set_routes(const std::vector<Prefix>& wanted) override {
    std::set<Prefix> allowed(wanted.begin(), wanted.end());
    if (!allowed.empty() && !up) return Error{"cannot add a route: it is down", ENETDOWN};
    const auto refused = std::erase_if(allowed, [&](const Prefix& p) { return taken.contains(p); });
    set(routes, allowed);
    if (refused != 0) return Error{"cannot add a route: it is somebody else's", EEXIST};
    return {};
  }

 private:
  template <typename T>
  void set(std::set<T>& present, const std::set<T>& wanted) {
    for (const T& one : wanted) changes += present.contains(one) ? 0 : 1;
    for (const T& one : present) changes += wanted.contains(one) ? 0 : 1;
    present = wanted;
  }
};

}  // namespace xm::test
