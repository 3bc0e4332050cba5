// KernelNetwork by rtnetlink(7): links, addresses and routes of one interface.
//
// Ours is what carries our number: IFA_PROTO of an address (Linux 5.18; before that, what this
// object added) and rtm_protocol of a route. So what a crashed agent left on a device that outlived
// it is found and kept or removed, and `ip route show proto 120` shows it.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/io/kernel_network.hpp"
#include "agent/io/rtnetlink.hpp"

namespace xm {

// Above what kernels and network managers give to the networks that a machine is connected to (0;
// 100 to 700; 256 and 1024 for IPv6): where a subnet is both here and behind a member, here wins.
inline constexpr std::uint32_t kRouteMetric = 2048;

class NetlinkNetwork final : public KernelNetwork {
 public:
  // The interface as it is called now, in the calling thread's network namespace; it is followed by
  // its index when it is renamed.
  [[nodiscard]] static Result<NetlinkNetwork> open(const std::string& interface);

  [[nodiscard]] Status bring_up() override;
  [[nodiscard]] Status set_mtu(std::uint32_t mtu) override;
  [[nodiscard]] Status set_addresses(const std::vector<IpAddress>& wanted) override;
  [[nodiscard]] Status set_routes(const std::vector<Prefix>& wanted) override;

 private:
  NetlinkNetwork(RouteSocket socket, std::uint32_t index, std::string name)
      : socket_(std::move(socket)), index_(index), name_(std::move(name)) {}

  // What there is of ours.
  [[nodiscard]] Result<std::set<IpAddress>> addresses();
  [[nodiscard]] Result<std::set<Prefix>> routes();
  [[nodiscard]] Status dump_routes(std::uint8_t family, std::uint32_t table,
                                   std::set<Prefix>& found);
  [[nodiscard]] Status change_address(std::uint16_t type, const IpAddress& address);
  [[nodiscard]] Status change_route(std::uint16_t type, const Prefix& route);
  [[nodiscard]] Status change_routes(const std::vector<Prefix>& wanted);
  [[nodiscard]] Status set_default_rules(std::uint8_t family, bool wanted);
  [[nodiscard]] Status check_reverse_path() const;

  RouteSocket socket_;
  std::uint32_t index_;
  std::string name_;  // for errors
  std::set<IpAddress> added_;
  std::set<std::uint8_t> without_rules_;  // AF_*: no rule for a default route is ours any more
};

}  // namespace xm
