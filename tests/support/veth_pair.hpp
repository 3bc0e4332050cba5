// Two network interfaces joined by a cable, in the calling thread's namespace, and a way to put
// frames on the cable.
#pragma once

#include <doctest/doctest.h>
#include <linux/if_packet.h>
#include <linux/veth.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <string>

#include "agent/io/rtnetlink.hpp"
#include "tests/support/packet_builder.hpp"
#include "tests/unit/io/own_namespace.hpp"
#include "xdpmesh/fd.hpp"

namespace xm::test {

// `near` and `far`, both up. They go with the namespace.
struct VethPair {
  explicit VethPair(std::uint32_t queues = 1) {
    auto socket = RouteSocket::open(0);
    REQUIRE(socket.ok());
    alignas(nlmsghdr) std::array<char, 1024> buffer{};
    nlmsghdr* message = mnl_nlmsg_put_header(buffer.data());
    message->nlmsg_type = RTM_NEWLINK;
    message->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
    mnl_nlmsg_put_extra_header(message, sizeof(ifinfomsg));
    put_end(message, near, queues);
    nlattr* const info = mnl_attr_nest_start(message, IFLA_LINKINFO);
    mnl_attr_put_strz(message, IFLA_INFO_KIND, "veth");
    nlattr* const data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
    nlattr* const peer = mnl_attr_nest_start(message, VETH_INFO_PEER);
    mnl_nlmsg_put_extra_header(message, sizeof(ifinfomsg));
    put_end(message, far, queues);
    mnl_attr_nest_end(message, peer);
    mnl_attr_nest_end(message, data);
    mnl_attr_nest_end(message, info);
    const Status made = socket->request(*message, "make a veth pair");
    REQUIRE_MESSAGE(made.ok(), made.error().what);
    REQUIRE(set_up(near, true));
    REQUIRE(set_up(far, true));
    cable_ = Fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    REQUIRE(cable_);
  }

  // `frame` leaves by `far` and arrives at `near`; false when the far end had no room.
  bool send(const Packet& frame) {
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = static_cast<int>(if_nametoindex(far.c_str()));
    return sendto(cable_.get(), frame.data(), frame.size(), 0,
                  reinterpret_cast<const sockaddr*>(&to),
                  sizeof to) == static_cast<ssize_t>(frame.size());
  }
  [[nodiscard]] std::uint32_t near_index() const { return if_nametoindex(near.c_str()); }

  const std::string near = "xmnear";
  const std::string far = "xmfar";

 private:
  static void put_end(nlmsghdr* message, const std::string& name, std::uint32_t queues) {
    mnl_attr_put_strz(message, IFLA_IFNAME, name.c_str());
    mnl_attr_put_u32(message, IFLA_NUM_RX_QUEUES, queues);
    mnl_attr_put_u32(message, IFLA_NUM_TX_QUEUES, queues);
  }

  Fd cable_;
};

}  // namespace xm::test
