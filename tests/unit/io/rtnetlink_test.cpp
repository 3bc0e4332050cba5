#include "agent/io/rtnetlink.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cerrno>
#include <string>

using namespace xm;

namespace {

nlmsghdr* link_request(std::array<char, 256>& buffer, const char* name) {
  nlmsghdr* message = mnl_nlmsg_put_header(buffer.data());
  message->nlmsg_type = RTM_GETLINK;
  mnl_nlmsg_put_extra_header(message, sizeof(ifinfomsg));
  mnl_attr_put_strz(message, IFLA_IFNAME, name);
  return message;
}

}  // namespace

TEST_CASE("a request is answered, or refused with the kernel's reason") {
  auto socket = RouteSocket::open(0);
  REQUIRE_MESSAGE(socket.ok(), socket.error().what);
  for (int round = 0; round < 3; ++round) {
    alignas(nlmsghdr) std::array<char, 256> buffer{};
    std::string name;
    int answers = 0;
    const Status asked = socket->request(
        *link_request(buffer, "lo"), "ask", [&](const nlmsghdr& answer, std::int32_t from) {
          ++answers;
          CHECK(from == -1);
          for_each_attribute(answer, sizeof(ifinfomsg), [&](const nlattr& attribute) {
            if (mnl_attr_get_type(&attribute) == IFLA_IFNAME) name = mnl_attr_get_str(&attribute);
          });
        });
    CHECK(asked.ok());
    CHECK(answers == 1);
    CHECK(name == "lo");
  }
  alignas(nlmsghdr) std::array<char, 256> buffer{};
  const Status refused = socket->request(*link_request(buffer, "xm-not-there"), "cannot ask");
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().os_errno == ENODEV);
  CHECK(refused.error().what.rfind("cannot ask: ", 0) == 0);
}

TEST_CASE("draining an idle socket visits nothing") {
  auto socket = RouteSocket::open(0);
  REQUIRE(socket.ok());
  CHECK(socket->drain([](const nlmsghdr&, std::int32_t) { FAIL("nothing was sent"); }));
}
