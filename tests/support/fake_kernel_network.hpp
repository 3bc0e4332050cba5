// The kernel's side of the tunnel's interface, as a value: what was asked for and how often, and
// refusals on demand.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <functional>
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
  std::set<Prefix> taken;                // prefixes of somebody else's: refused
  int changes = 0;                       // addresses and routes that were added or removed
  bool refuses_routes = false;           // no route is added or removed
  std::function<void(bool)> on_default;  // a default route is there now; or none is any more

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
    if (refuses_routes) return Error{"cannot change routes", EPERM};
    std::set<Prefix> allowed(wanted.begin(), wanted.end());
    if (!allowed.empty() && !up) return Error{"cannot add a route: it is down", ENETDOWN};
    const auto refused = std::erase_if(allowed, [&](const Prefix& p) { return taken.contains(p); });
    const bool had_default = has_default();
    set(routes, allowed);
    if (on_default && had_default != has_default()) on_default(!had_default);
    if (refused != 0) return Error{"cannot add a route: it is somebody else's", EEXIST};
    return {};
  }

  [[nodiscard]] bool has_default() const {
    return std::any_of(routes.begin(), routes.end(),
                       [](const Prefix& route) { return route.length == 0; });
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
