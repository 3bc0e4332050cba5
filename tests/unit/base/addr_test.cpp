#include "xdpmesh/addr.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace xm {
namespace {

TEST_CASE("addr: prefixes as text") {
  struct Row {
    const char* text;
    const char* printed;  // null: refused
  };
  const std::vector<Row> rows{
      {"10.0.0.0/8", "10.0.0.0/8"},
      {"10.1.2.3/8", "10.0.0.0/8"},
      {"192.0.2.1", "192.0.2.1/32"},
      {"0.0.0.0/0", "0.0.0.0/0"},
      {"fd00::1/64", "fd00::/64"},
      {"::/0", "::/0"},
      {"2001:db8::1", "2001:db8::1/128"},
      {"10.0.0.0/33", nullptr},
      {"fd00::/129", nullptr},
      {"10.0.0.0/", nullptr},
      {"10.0.0.0/-1", nullptr},
      {"10.0.0/8", nullptr},
      {"10.0.0.0/8 ", nullptr},
      {"", nullptr},
      {"/8", nullptr},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto prefix = Prefix::parse(row.text);
    CHECK(prefix.has_value() == (row.printed != nullptr));
    if (prefix && row.printed != nullptr) CHECK(prefix->to_string() == row.printed);
  }
}

TEST_CASE("addr: endpoints as text") {
  struct Row {
    const char* text;
    const char* printed;  // null: refused
  };
  const std::vector<Row> rows{
      {"192.0.2.1:51820", "192.0.2.1:51820"},
      {"[2001:db8::1]:1", "[2001:db8::1]:1"},
      {"[fe80::1%3]:65535", "[fe80::1%3]:65535"},
      {"192.0.2.1:65536", nullptr},
      {"192.0.2.1:", nullptr},
      {"192.0.2.1", nullptr},
      {"[192.0.2.1]:1", nullptr},
      {"2001:db8::1:1", nullptr},
      {"[fe80::1%eth0]:1", nullptr},
      {":1", nullptr},
      {"", nullptr},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto endpoint = Endpoint::parse(row.text);
    CHECK(endpoint.has_value() == (row.printed != nullptr));
    if (endpoint && row.printed != nullptr) CHECK(endpoint->to_string() == row.printed);
  }
}

TEST_CASE("addr: what a prefix contains") {
  const Prefix net = Prefix::parse("10.64.0.0/10").value();
  CHECK(net.contains(IpAddress::parse("10.64.0.0").value()));
  CHECK(net.contains(IpAddress::parse("10.127.255.255").value()));
  CHECK_FALSE(net.contains(IpAddress::parse("10.128.0.0").value()));
  CHECK_FALSE(net.contains(IpAddress::parse("::a40:0").value()));
}

TEST_CASE("addr: endpoints to the kernel's form and back") {
  for (const char* text : {"192.0.2.1:51820", "[2001:db8::1]:1", "[fe80::1%3]:9"}) {
    const Endpoint endpoint = Endpoint::parse(text).value();
    sockaddr_storage storage;
    CHECK(endpoint.to_sockaddr(storage) >= sizeof(sockaddr_in));
    CHECK(Endpoint::from_sockaddr(storage) == endpoint);
  }
  sockaddr_storage other{};
  other.ss_family = AF_UNIX;
  CHECK_FALSE(Endpoint::from_sockaddr(other).is_set());
}

}  // namespace
}  // namespace xm
