// From what Linux 6.1 prints.
#include "loader/vlan_devices.hpp"

#include <doctest/doctest.h>

#include <sstream>
#include <string>
#include <vector>

using namespace xm;

namespace {

std::vector<std::string> devices_on(const std::string& interface, const std::string& text) {
  std::istringstream list(text);
  return vlan_devices_on(interface, list);
}

constexpr const char* kList =
    "VLAN Dev name    | VLAN ID\n"
    "Name-Type: VLAN_NAME_TYPE_RAW_PLUS_VID_NO_PAD\n"
    "eth0.100       | 100  | eth0\n"
    "eth0.100.7     | 7  | eth0.100\n"
    "office         | 4094  | eth1\n"
    "eth0.100.7.9   | 9  | eth0.100.7\n"
    "guests         | 5  | eth0\n";

}  // namespace

TEST_CASE("VLAN devices: of an interface, with one tag and with two, and no others") {
  CHECK(devices_on("eth0", kList) == std::vector<std::string>{"eth0.100", "eth0.100.7", "guests"});
  CHECK(devices_on("eth1", kList) == std::vector<std::string>{"office"});
  CHECK(devices_on("eth0.100", kList) == std::vector<std::string>{"eth0.100.7", "eth0.100.7.9"});
  CHECK(devices_on("office", kList).empty());
  CHECK(devices_on("eth", kList).empty());
}

TEST_CASE("VLAN devices: a bar in a name is part of it, other lines are none") {
  CHECK(devices_on("eth0", "a|b            | 3  | eth0\n") == std::vector<std::string>{"a|b"});
  CHECK(devices_on("eth0", "a| b           | 3  | eth0\n") == std::vector<std::string>{"a| b"});
  CHECK(devices_on("eth0", "| eth0\neth0\n|\n\n| |\n").empty());
  CHECK(devices_on("eth0", "").empty());
}
