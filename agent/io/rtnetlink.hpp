// A thin layer over libmnl: one rtnetlink socket, requests with their answers, and events.
// rtnetlink(7), netlink(7). Thread: one at a time.
#pragma once

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>

#include "xdpmesh/addr.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// Of addresses, routes and rules that are ours. None of those in /etc/iproute2/rt_protos and
// include/uapi/linux/rtnetlink.h.
inline constexpr std::uint8_t kRouteProtocol = 120;

// Room for a request with its attributes; alignas(nlmsghdr) where it is made.
using RequestBuffer = std::array<char, 256>;

// Begins a request; `message` is its beginning, to which attributes are added. Returns its fixed
// header, zeroes.
template <typename Header>
Header& compose(RequestBuffer& buffer, nlmsghdr*& message, std::uint16_t type,
                std::uint16_t flags) {
  message = mnl_nlmsg_put_header(buffer.data());
  message->nlmsg_type = type;
  message->nlmsg_flags = flags;
  return *static_cast<Header*>(mnl_nlmsg_put_extra_header(message, sizeof(Header)));
}

// Of a payload of the family's length (AF_INET, AF_INET6); else none.
[[nodiscard]] IpAddress read_address(const nlattr& attribute, std::uint8_t family);
// Of a payload of the number's length; else 0.
template <typename Number>
[[nodiscard]] Number read_number(const nlattr& attribute) {
  Number number{};
  if (mnl_attr_get_payload_len(&attribute) == sizeof number) {
    std::memcpy(&number, mnl_attr_get_payload(&attribute), sizeof number);
  }
  return number;
}

// Whether a request was refused by a kernel without its address family (ipv6.disable=1), which has
// nothing of it to set or to list.
[[nodiscard]] bool lacks_family(const Status& refused);

// Visits the attributes of a message after its `header_size` bytes of fixed header, or those nested
// in an attribute. Both are lent for the call.
using VisitAttribute = std::function<void(const nlattr&)>;
void for_each_attribute(const nlmsghdr& message, std::size_t header_size,
                        const VisitAttribute& visit);
void for_each_nested(const nlattr& attribute, const VisitAttribute& visit);

class RouteSocket {
 public:
  // Given each answer or event; lent for the call. `namespace_id` is the sender's as this namespace
  // numbers it, -1 for this namespace itself.
  using Visit = std::function<void(const nlmsghdr& message, std::int32_t namespace_id)>;

  // `groups` is a mask of RTMGRP_*; 0 for requests only.
  [[nodiscard]] static Result<RouteSocket> open(std::uint32_t groups);

  [[nodiscard]] int fd() const;

  // Events from every namespace that this one has a number for (needs CAP_NET_BROADCAST).
  [[nodiscard]] Status listen_everywhere();

  // From now on dumps are filtered by what stands in the request's header and attributes, and a
  // request with fields that the kernel does not look at is refused. Without effect before Linux
  // 4.20: who dumps filters the answers too.
  void let_kernel_filter_dumps();

  // Sends one request and visits the answers until its acknowledgement, or to the end of a dump
  // (NLM_F_DUMP). `what` begins the error; EAGAIN: what was dumped changed meanwhile, and what has
  // been visited is no picture of any moment.
  [[nodiscard]] Status request(nlmsghdr& message, const std::string& what,
                               const Visit& visit = nullptr);

  // Visits every event that waits; never blocks. False when the kernel had to leave events out:
  // whatever they were about must be looked at afresh.
  bool drain(const Visit& visit);

 private:
  struct Close {
    void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
  };
  explicit RouteSocket(mnl_socket* socket) : socket_(socket) {}

  std::unique_ptr<mnl_socket, Close> socket_;
  std::uint32_t sequence_ = 0;
};

}  // namespace xm
