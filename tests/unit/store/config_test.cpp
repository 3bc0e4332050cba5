#include "agent/store/config.hpp"

#include <doctest/doctest.h>

#include "agent/crypto/x25519.hpp"
#include "agent/store/config_keys.hpp"
#include "tests/support/seeded_random.hpp"
#include "tests/unit/mesh/samples.hpp"

namespace xm {
namespace {

LoadedConfig parsed(const std::string& text) {
  auto config = parse_config("mesh0.toml", text);
  REQUIRE_MESSAGE(config.ok(), (config.ok() ? "" : config.error().what));
  return std::move(config).value();
}
std::string fault(const std::string& text) {
  const auto config = parse_config("mesh0.toml", text);
  return config.ok() ? "" : config.error().what;
}
bool says(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}
const std::string kKey = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

}  // namespace

TEST_CASE("config: the mesh's name is enough, and the rest has its defaults") {
  const MeshConfig config = parsed("mesh = 'office'\n").config;
  CHECK(config.mesh == "office");
  CHECK(config.listen_port == 51820);
  CHECK(config.ipv4_prefix == test::prefix("100.64.0.0/10"));
  CHECK(config.record_hours == 24);
  CHECK(config.mtu == 1420);
  CHECK(config.workers == 0);
  CHECK_FALSE(config.lan_discovery);
  CHECK(config.stun_servers.empty());
  CHECK_FALSE(config.eager_sessions);
  CHECK(config.accept_subnets);
  CHECK_FALSE(config.accept_default);
  CHECK(config.max_members == 4096);
  CHECK_FALSE(config.metrics_listen.is_set());
  CHECK(config.peers.empty());
}

TEST_CASE("config: every key is taken") {
  const std::string identity = test::identity_number(1).to_string();
  const MeshConfig config = parsed(R"(
mesh = "office"
listen_port = 7000
private_key_file = "/k"
names = ["gate", "web-1"]
ipv4_prefix = "10.7.0.0/16"
addresses = ["10.9.0.1", "fd00::1"]
subnets = ["192.168.4.0/24"]
record_hours = 48
seeds = [")" + identity + R"(@seed.example:51820", "[2001:db8::1]:7"]
[interface]
mtu = 1280
workers = 3
attach = ["eth1"]
[discovery]
lan = true
resolve_seconds = 60
[stun]
servers = ["192.0.2.1:3478"]
[sessions]
eager = true
keepalive_seconds = 0
[routes]
accept_subnets = false
accept_default = true
[resolver]
hosts_file = "/h"
[limits]
members = 10
hellos_per_second = 5
[metrics]
listen = "127.0.0.1:9586"
[[peer]]
public_key = ")" + kKey + R"("
endpoint = "example.net:51820"
allowed_ips = ["10.1.0.0/16", "fd01::1"]
preshared_key_file = "/p"
keepalive_seconds = 20
[[peer]]
public_key = ")" + kKey + R"("
)")
                                .config;
  CHECK(config.listen_port == 7000);
  CHECK(config.private_key_file == "/k");
  CHECK(config.names == std::vector<std::string>{"gate", "web-1"});
  CHECK(config.ipv4_prefix == test::prefix("10.7.0.0/16"));
  CHECK(config.addresses.size() == 2);
  CHECK(config.subnets.size() == 1);
  CHECK(config.record_hours == 48);
  REQUIRE(config.seeds.size() == 2);
  CHECK(config.seeds[0].identity == test::identity_number(1));
  CHECK(config.seeds[0].at.to_string() == "seed.example:51820");
  CHECK_FALSE(config.seeds[1].identity.has_value());
  CHECK(config.seeds[1].at.to_string() == "[2001:db8::1]:7");
  CHECK(config.mtu == 1280);
  CHECK(config.workers == 3);
  CHECK(config.attach == std::vector<std::string>{"eth1"});
  CHECK(config.lan_discovery);
  CHECK(config.resolve_seconds == 60);
  CHECK(config.stun_servers.size() == 1);
  CHECK(config.eager_sessions);
  CHECK(config.keepalive_seconds == 0);
  CHECK_FALSE(config.accept_subnets);
  CHECK(config.accept_default);
  CHECK(config.hosts_file == "/h");
  CHECK(config.max_members == 10);
  CHECK(config.hellos_per_second == 5);
  CHECK(config.metrics_listen.to_string() == "127.0.0.1:9586");
  REQUIRE(config.peers.size() == 2);
  CHECK(config.peers[0].public_key == PublicKey(test::array_of<32>(test::Buffer(32, 1))));
  CHECK(config.peers[0].endpoint->host == "example.net");
  CHECK(config.peers[0].allowed_ips.size() == 2);
  CHECK(config.peers[0].preshared_key_file == "/p");
  CHECK(config.peers[0].keepalive_seconds == 20);
  CHECK(config.peers[1].keepalive_seconds == 0);
  CHECK_FALSE(config.peers[1].endpoint.has_value());
}

TEST_CASE("config: what is shown can be read again and says the same") {
  const std::string text =
      "mesh = \"office\"\nnames = [\"a\"]\nprivate_key_file = 'a\"\\b'\n[[peer]]\n"
      "public_key = \"" +
      kKey + "\"\n";
  const LoadedConfig once = parsed(text);
  const LoadedConfig again = parsed(once.text);
  CHECK(again.text == once.text);
  CHECK(again.config.private_key_file == "a\"\\b");
  CHECK(says(once.text, "listen_port = 51820\n"));
  CHECK(says(once.text, "\n[limits]\nmembers = 4096\n"));
}

TEST_CASE("config: an unknown key is a fault with line and column") {
  CHECK(says(fault("mesh = 'm'\nlisten-port = 1\n"), "mesh0.toml:2:"));
  CHECK(says(fault("mesh = 'm'\nlisten-port = 1\n"), "unknown key 'listen-port'"));
  CHECK(says(fault("mesh = 'm'\n[stun]\nserver = []\n"), "mesh0.toml:3:"));
  CHECK(says(fault("mesh = 'm'\n[stun]\nserver = []\n"), "unknown key 'stun.server'"));
  CHECK(says(fault("mesh = 'm'\n[nonsense]\n"), "unknown key 'nonsense'"));
  CHECK(says(fault("mesh = 'm'\nstun.x.y = 1\n"), "unknown key 'stun.x'"));
  CHECK(says(fault("mesh = 'm'\n[[peer]]\npublic_key = '" + kKey + "'\nmesh = 'x'\n"),
             "unknown key 'peer.mesh'"));
}

TEST_CASE("config: a wrong type is a fault with line and column") {
  for (const auto& [text, what] : std::vector<std::pair<std::string, std::string>>{
           {"mesh = 5\n", "mesh0.toml:1:8: mesh: expected a text, got an integer"},
           {"mesh = 'm'\nlisten_port = '5'\n",
            "mesh0.toml:2:15: listen_port: expected an integer, got a text"},
           {"mesh = 'm'\nlisten_port = 5.0\n", "expected an integer, got a fraction"},
           {"mesh = 'm'\nlisten_port = true\n", "expected an integer, got a boolean"},
           {"mesh = 'm'\nnames = 'a'\n", "expected a list of texts, got a text"},
           {"mesh = 'm'\nnames = [1]\n", "expected a list of texts, got a list"},
           {"mesh = 'm'\nstun = 1\n", "unknown key 'stun'"},
           {"mesh = 'm'\n[discovery]\nlan = 1\n", "expected a boolean, got an integer"},
           {"mesh = 'm'\nlisten_port = 1979-05-27\n", "got a date or time"},
           {"mesh = 'm'\npeer = 1\n", "peer: expected [[peer]]"},
           {"mesh = 'm'\n[peer]\n", "peer: expected [[peer]]"},
           {"mesh = 'm'\npeer = [1]\n", "peer: expected [[peer]]"},
           {"mesh = 'm'\nprivate_key_file = \"a\\u0001b\"\n", "expected a text"}}) {
    CAPTURE(text);
    CAPTURE(fault(text));
    CHECK(says(fault(text), what));
  }
}

TEST_CASE("config: a value out of range says what was expected and what came") {
  for (const auto& [text, what] : std::vector<std::pair<std::string, std::string>>{
           {"listen_port = 0", "expected 1 to 65535, got 0"},
           {"listen_port = 65536", "expected 1 to 65535, got 65536"},
           {"record_hours = 5", "expected 6 to 168, got 5"},
           {"record_hours = 169", "expected 6 to 168, got 169"},
           {"ipv4_prefix = '10.0.0.1/8'", "without host bits, got '10.0.0.1/8'"},
           {"ipv4_prefix = 'fd00::/8'", "expected an IPv4 prefix"},
           {"ipv4_prefix = '10.0.0.0/29'", "expected an IPv4 prefix of 8 to 28 bits"},
           {"names = ['Web']", "expected DNS labels in lower case, got 'Web'"},
           {"names = ['a','b','c','d','e']", "expected at most 4"},
           {"subnets = ['10.0.0.1/8']", "expected prefixes without host bits"},
           {"seeds = ['nobody']", "expected [IDENTITY@]host[:port], got 'nobody'"},
           {"seeds = ['192.0.2.1']", "expected a port behind the address 192.0.2.1"},
           {"seeds = ['a.example:0']", "or a domain with SRV records, got 'a.example:0'"},
           {"seeds = ['xm1abc@h:1']", "this has 6"},
           {"metrics.listen = 'nowhere'",
            "an address and a port, as 127.0.0.1:9586, got 'nowhere'"},
           {"metrics.listen = 'localhost:9586'", "an address and a port"},
           {"interface.attach = ['a/b']", "expected names of interfaces"}}) {
    CAPTURE(text);
    CAPTURE(fault("mesh = 'm'\n" + text));
    CHECK(says(fault("mesh = 'm'\n" + text), what));
  }
  CHECK(says(fault("mesh = 'M'"), "expected 1 to 32 of a-z"));
  CHECK(says(fault("mesh = 'm'\n[[peer]]\npublic_key = 'short'\n"), "44 characters"));
}

TEST_CASE("config: what must be given is asked for, and all faults are told at once") {
  CHECK(says(fault(""), "mesh: expected a text"));
  CHECK(says(fault("mesh = 'm'\n[[peer]]\n"), "peer.public_key: expected a text"));
  const std::string both = fault("mesh = 'M'\nlisten_port = 0\n");
  CHECK(says(both, "mesh0.toml:1:"));
  CHECK(says(both, "\nmesh0.toml:2:"));
}

TEST_CASE("config: what is no TOML is a fault with line and column") {
  CHECK(says(fault("mesh = 'm'\nlisten_port = \n"), "mesh0.toml:2:"));
  CHECK(says(fault("mesh = 'm'\nmesh = 'n'\n"), "mesh0.toml:2:"));
  CHECK_FALSE(fault("\xff").empty());
  CHECK(says(fault(std::string(kMaxConfigSize + 1, '#')), "expected at most"));
}

TEST_CASE("config: the documented defaults have every key, and with them nothing changes") {
  const std::string text = documented_defaults();
  for (const ConfigKey& key : config_keys()) {
    CAPTURE(key.path);
    CHECK(says(text, "# " + std::string(name_in_section(key.path)) + " = "));
    CHECK(says(text, std::string(key.meaning)));
  }
  CHECK(parsed("mesh = 'm'\n" + text).text == parsed("mesh = 'm'").text);
  // Uncommented, every default is accepted as if it had been given.
  std::string given = "mesh = 'm'\n";
  std::string section;
  for (const ConfigKey& key : config_keys()) {
    if (key.is_required() || section_of(key.path) == kPeerSection) continue;
    given += std::string(key.path) + " = " + std::string(key.standard) + "\n";
  }
  CHECK(parsed(given).text == parsed("mesh = 'm'").text);
}

TEST_CASE("config: a static private key must be the identity's") {
  const SigningKey identity = test::key_number(1);
  CHECK(check_static_key(x25519_of(identity), identity).ok());
  test::SeededRandom random;
  const Status other = check_static_key(generate_private_key(random), identity);
  CHECK(says(other.error().what, "not the identity's"));
}

TEST_CASE("config: WireGuard keys in base64") {
  Key key;
  CHECK(decode_wireguard_key(kKey, key.expose_mutable()));
  CHECK(key == test::key_of(test::Buffer(32, 1)));
  for (const std::string& text :
       {std::string(), kKey.substr(1), kKey + "=",
        kKey.substr(0, 42) + "F=", kKey.substr(0, 43) + "A", "!" + kKey.substr(1)}) {
    CHECK_FALSE(decode_wireguard_key(text, key.expose_mutable()));
  }
}

TEST_CASE("config: a seed is a host with a port, or a domain whose SRV records have them") {
  const std::string identity = test::identity_number(1).to_string();
  for (const std::string& text :
       {std::string("a:1"), std::string("mesh.example"), std::string("[::1]:7"),
        identity + "@192.0.2.1:51820", identity + "@mesh.example"}) {
    CAPTURE(text);
    const auto seed = Seed::parse(text);
    REQUIRE(seed.ok());
    CHECK(seed.value().to_string() == text);
  }
  CHECK(Seed::parse("mesh.example").value().at.port == 0);
  // An identity alone says nothing of where it is.
  for (const std::string& text : {identity, identity + "@", std::string("2001:db8::1"),
                                  std::string(".example"), std::string("a b.example")}) {
    CAPTURE(text);
    CHECK_FALSE(Seed::parse(text).ok());
  }
}

TEST_CASE("config: hosts with ports") {
  for (const char* text : {"a:1", "192.0.2.1:65535", "[::1]:80", "x.example.:53", "a_b:2"}) {
    const auto host = HostPort::parse(text);
    REQUIRE(host.has_value());
    CHECK(host->to_string() == text);
  }
  for (const char* text : {"", "a", ":1", "a:", "a:0", "a:65536", "a:1x", "::1:80", "[::1:80",
                           "[192.0.2.1]:1", "a b:1", "-a:1", "[]:1"}) {
    CAPTURE(text);
    CHECK_FALSE(HostPort::parse(text).has_value());
  }
}

}  // namespace xm
