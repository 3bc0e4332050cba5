#include "agent/node_link_reset.hpp"

#include <linux/if_link.h>

#include <string>

#include "agent/io/rtnetlink.hpp"

namespace xm {

std::optional<CarrierState> KernelCarrier::look(std::uint32_t ifindex) const {
  auto socket = RouteSocket::open(0);
  if (!socket) return std::nullopt;
  alignas(nlmsghdr) RequestBuffer buffer{};
  nlmsghdr* message = nullptr;
  compose<ifinfomsg>(buffer, message, RTM_GETLINK, 0).ifi_index = static_cast<int>(ifindex);
  CarrierState state;
  bool is_told = false;
  const auto read = [&](const nlmsghdr& answer, std::int32_t) {
    for_each_attribute(answer, sizeof(ifinfomsg), [&](const nlattr& attribute) {
      if (mnl_attr_get_type(&attribute) == IFLA_CARRIER) {
        state.up = read_number<std::uint8_t>(attribute) != 0;
      } else if (mnl_attr_get_type(&attribute) == IFLA_CARRIER_DOWN_COUNT) {
        state.losses = read_number<std::uint32_t>(attribute);
        is_told = true;
      }
    });
  };
  const Status asked = socket->request(*message, "cannot ask for the state of a link", read);
  if (!asked || !is_told) return std::nullopt;
  return state;
}

std::optional<AttachStep> LinkReset::step() const {
  const std::optional<CarrierState> now = source_.look(ifindex_);
  if (!before_ || !before_->up || !now) return std::nullopt;
  const std::uint32_t losses = now->losses - before_->losses;
  if (losses == 0) return AttachStep{"the link stayed up", true, ""};
  return AttachStep{"the driver reset the link", true,
                    "it went down " + (losses == 1 ? "once" : std::to_string(losses) + " times") +
                        (now->up ? " and is up again" : " and is not up again yet")};
}

}  // namespace xm
