#include "agent/io/cmsg.hpp"

#include <doctest/doctest.h>

#include <cstring>

using namespace xm;

namespace {

std::size_t control_length(const SendAttributes& attributes) {
  SendControl control{};
  msghdr message{};
  put_attributes(attributes, control, message);
  CHECK((message.msg_controllen == 0) == (message.msg_control == nullptr));
  CHECK(message.msg_controllen <= SendControl::kSize);
  return message.msg_controllen;
}

}  // namespace

TEST_CASE("ancillary data says only what differs from the socket's defaults") {
  const IpAddress v4 = *IpAddress::parse("192.0.2.1");
  const IpAddress v6 = *IpAddress::parse("2001:db8::1");
  using Family = IpAddress::Family;
  CHECK(control_length({Family::v4, 0, 0, {}, 0}) == 0);
  CHECK(control_length({Family::v4, 0, 0, v6, 0}) == 0);  // a source of the other family
  CHECK(control_length({Family::v4, 1452, 0, {}, 0}) == CMSG_SPACE(2));
  CHECK(control_length({Family::v4, 0, 1, {}, 0}) == CMSG_SPACE(4));
  CHECK(control_length({Family::v4, 0, 0, v4, 0}) == CMSG_SPACE(sizeof(in_pktinfo)));
  CHECK(control_length({Family::v6, 1452, 1, v6, 0}) == SendControl::kSize);
}

TEST_CASE("received ancillary data: unknown kinds and short ones are passed over") {
  ReceiveControl control{};
  msghdr message{};
  message.msg_control = control.bytes;
  auto* first = reinterpret_cast<cmsghdr*>(control.bytes);
  first->cmsg_level = SOL_SOCKET;
  first->cmsg_type = SCM_RIGHTS;
  first->cmsg_len = CMSG_LEN(4);
  auto* second = reinterpret_cast<cmsghdr*>(control.bytes + CMSG_SPACE(4));
  second->cmsg_level = IPPROTO_UDP;
  second->cmsg_type = UDP_GRO;
  second->cmsg_len = CMSG_LEN(2);  // an int is expected
  message.msg_controllen = CMSG_SPACE(4) + CMSG_SPACE(2);

  ReceiveAttributes attributes = get_attributes(message);
  CHECK(attributes.segment_size == 0);

  second->cmsg_len = CMSG_LEN(4);
  const int size = 1452;
  std::memcpy(CMSG_DATA(second), &size, sizeof size);
  message.msg_controllen = CMSG_SPACE(4) + CMSG_SPACE(4);
  attributes = get_attributes(message);
  CHECK(attributes.segment_size == 1452);
  CHECK(attributes.local.family == IpAddress::Family::none);
}
