#include "agent/bench/contestant.hpp"

#include <doctest/doctest.h>

namespace xm::bench {
namespace {

const Machinery kRich{{"ipsec-mb", "libsodium", "openssl"},
                      "  --io BACKEND   auto, uring, syscall\n",
                      {"wireguard-go", "boringtun-cli"}};
const Machinery kPoor{{"libsodium"}, "  --aead ENGINE\n", {}};

std::vector<std::string> names(const Field& field) {
  std::vector<std::string> all;
  for (const Contestant& one : field.contestants) all.push_back(one.name);
  return all;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("contestant: everything there is, plain veth first and variants last") {
  const Field field = choose_field({}, kRich);
  CHECK(names(field) == Names{"plain veth", "xdp-mesh", "wireguard-go", "boringtun-cli",
                              "xdp-mesh --aead ipsec-mb", "xdp-mesh --aead libsodium",
                              "xdp-mesh --aead openssl", "xdp-mesh --io uring",
                              "xdp-mesh --io syscall"});
  CHECK(field.notes.empty());
}

TEST_CASE("contestant: what is missing is said") {
  const Field field = choose_field({}, kPoor);
  CHECK(names(field) == Names{"plain veth", "xdp-mesh", "xdp-mesh --aead libsodium"});
  REQUIRE(field.notes.size() == 2);
  CHECK(field.notes[0].find("wireguard-go: not found") == 0);
  CHECK(field.notes[0].find("apt install wireguard-go") != std::string::npos);
  CHECK(field.notes[1].find("boringtun-cli: not found") == 0);
}

TEST_CASE("contestant: engines and backends that are asked for, or none") {
  BenchOptions options;
  options.aead.emplace();
  options.io.emplace();
  CHECK(names(choose_field(options, kRich)) ==
        Names{"plain veth", "xdp-mesh", "wireguard-go", "boringtun-cli"});
  options.aead = {"openssl"};
  options.io = {"syscall"};
  CHECK(names(choose_field(options, kRich)) == Names{"plain veth", "xdp-mesh", "wireguard-go",
                                                     "boringtun-cli", "xdp-mesh --aead openssl",
                                                     "xdp-mesh --io syscall"});
  const Field poor = choose_field(options, kPoor);
  CHECK(names(poor) == Names{"plain veth", "xdp-mesh"});
  REQUIRE(poor.notes.size() == 4);
  CHECK(poor.notes[0].find("--aead openssl") == 0);
  CHECK(poor.notes[1].find("--io") == 0);
}

TEST_CASE("contestant: attached, with each receive path, only where it is asked for") {
  BenchOptions options;
  options.aead.emplace();
  options.io.emplace();
  options.attach = {"native"};
  const Field field = choose_field(options, kRich);
  CHECK(names(field) == Names{"plain veth", "xdp-mesh", "wireguard-go", "boringtun-cli",
                              "xdp-mesh --attach native,rx=auto", "xdp-mesh --attach native,rx=xdp",
                              "xdp-mesh --attach native,rx=socket"});
  const Names& command = field.contestants[5].command;
  CHECK(Names(command.end() - 4, command.end()) ==
        Names{"-f", "--attach", "u0,mode=native,rx=xdp", "%i"});
}

TEST_CASE("contestant: named peers come last, and in the place of one that is found") {
  BenchOptions options;
  options.peers = {{"newer", "/opt/wg  -f %i"}, {"wireguard-go", "/opt/old"}};
  options.aead.emplace();
  options.io.emplace();
  const Field field = choose_field(options, kRich);
  CHECK(names(field) == Names{"plain veth", "xdp-mesh", "boringtun-cli", "newer", "wireguard-go"});
  CHECK(field.contestants[3].command == Names{"/opt/wg", "-f", "%i"});
  CHECK(field.contestants[4].command == Names{"/opt/old"});
}

TEST_CASE("contestant: --only keeps plain veth, and variants with their program") {
  BenchOptions options;
  options.only = {"wireguard-go"};
  CHECK(names(choose_field(options, kRich)) == Names{"plain veth", "wireguard-go"});
  options.only = {"xdp-mesh", "nobody"};
  options.aead = {"openssl"};
  options.io.emplace();
  const Field field = choose_field(options, kRich);
  CHECK(names(field) == Names{"plain veth", "xdp-mesh", "xdp-mesh --aead openssl"});
  CHECK(field.notes == Names{"--only nobody: there is no such contestant: left out"});
}

TEST_CASE("contestant: --only is silent about missing peers that nobody asked for") {
  BenchOptions options;
  options.only = {"xdp-mesh", "boringtun-cli"};
  const Field field = choose_field(options, kPoor);
  REQUIRE(field.notes.size() == 1);
  CHECK(field.notes[0].find("boringtun-cli: not found") == 0);
}

TEST_CASE("contestant: the interface's name where %i is, or at the end") {
  Contestant contestant{"x", ContestantKind::peer, {"wg", "-f", "%i"}};
  CHECK(command_for(contestant, "xb1a") == Names{"wg", "-f", "xb1a"});
  contestant.command = {"wg", "--log=/run/%i/%i.log", "%i", "now"};
  CHECK(command_for(contestant, "xb1a") == Names{"wg", "--log=/run/xb1a/xb1a.log", "xb1a", "now"});
  contestant.command = {"wg"};
  CHECK(command_for(contestant, "xb1a") == Names{"wg", "xb1a"});
}

}  // namespace xm::bench
