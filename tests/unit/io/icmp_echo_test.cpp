#include "agent/io/icmp_echo.hpp"

#include <doctest/doctest.h>

#include <fstream>

#include "agent/wire/checksum.hpp"
#include "tests/support/skip.hpp"
#include "tests/unit/io/own_namespace.hpp"

using namespace xm;

namespace {

constexpr EchoMark kMark{0x1122334455667788, 7};
constexpr auto kV4 = IpAddress::Family::v4;
constexpr auto kV6 = IpAddress::Family::v6;

void check_answered(const char* address) {
  auto echo = EchoSocket::open(*IpAddress::parse(address), "lo");
  REQUIRE_MESSAGE(echo.ok(), echo.error().what);
  for (std::uint16_t sequence = 1; sequence < 4; ++sequence) {
    const auto answer = echo.value()->ask(sequence, 60s);
    REQUIRE_MESSAGE(answer.ok(), answer.error().what);
    REQUIRE(answer.value().has_value());
    CHECK(*answer.value() > 0ns);
  }
}

}  // namespace

TEST_CASE("echo: a request has type, checksum and mark, and only its own answer is taken") {
  auto four = echo_request(kV4, kMark);
  CHECK(four.size() == 64);
  CHECK(four[0] == 8);
  CHECK(checksum_is_valid(checksum_sum(four)));
  CHECK_FALSE(is_echo_reply(four, kV4, kMark));  // the request itself, on loopback
  four[0] = 0;
  CHECK(is_echo_reply(four, kV4, kMark));
  CHECK_FALSE(is_echo_reply(four, kV4, {kMark.run, 8}));
  CHECK_FALSE(is_echo_reply(four, kV4, {kMark.run + 1, 7}));
  CHECK_FALSE(is_echo_reply(Bytes(four).first(63), kV4, kMark));
  auto six = echo_request(kV6, kMark);
  CHECK(six[0] == 128);
  six[0] = 129;
  CHECK(is_echo_reply(six, kV6, kMark));
  CHECK_FALSE(is_echo_reply(six, kV4, kMark));
}

TEST_CASE("echo: a host answers, by a ping socket and by a raw one") {
  XM_NEEDS_NAMESPACES();
  test::in_own_namespace([] {
    // A fresh namespace lets nobody have a ping socket.
    check_answered("127.0.0.1");
    check_answered("::1");
    std::ofstream("/proc/sys/net/ipv4/ping_group_range") << "0 2147483647";
    check_answered("127.0.0.1");
    check_answered("::1");
  });
}

TEST_CASE("echo: silence is no error, an interface that is not there is one") {
  XM_NEEDS_NAMESPACES();
  test::in_own_namespace([] {
    REQUIRE(std::system("echo 1 >/proc/sys/net/ipv4/icmp_echo_ignore_all") == 0);
    auto echo = EchoSocket::open(*IpAddress::parse("127.0.0.1"), "lo");
    REQUIRE(echo.ok());
    const auto answer = echo.value()->ask(1, 20ms);
    REQUIRE(answer.ok());
    CHECK_FALSE(answer.value().has_value());
    const auto missing = EchoSocket::open(*IpAddress::parse("127.0.0.1"), "xm-none");
    REQUIRE_FALSE(missing.ok());
    CHECK(missing.error().what.starts_with("cannot ping through xm-none: "));
  });
}
