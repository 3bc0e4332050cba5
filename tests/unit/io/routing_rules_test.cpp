// The rules themselves, which need a tunnel: netlink_network_test.cpp.
#include "agent/io/routing_rules.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/temporary_directory.hpp"

using namespace xm;

TEST_CASE("routing rules: a strict reverse path is found where it would drop what peers send") {
  const test::TemporaryDirectory sysctls;
  const auto set = [&](const std::string& name, int value) {
    std::filesystem::create_directories(sysctls / name);
    std::ofstream(sysctls / (name + "/rp_filter")) << value << '\n';
  };
  const auto strict = [](const std::string& where) {
    std::string names;
    for (const std::string& name : strict_reverse_paths(where, "xmtun")) names += name;
    return names;
  };
  set("all", 0);
  set("default", 1);
  set("xmtun", 1);  // there the reverse path is right
  set("eth0", 0);
  CHECK(strict(sysctls.path()).empty());
  set("eth0", 1);
  CHECK(strict(sysctls.path()) == "eth0");
  set("all", 2);  // loose is more than strict
  CHECK(strict(sysctls.path()).empty());
  set("all", 1);
  set("eth0", 0);
  CHECK(strict(sysctls.path()) == "eth0");
  CHECK(strict(sysctls / "none").empty());
}
