// What one interface's configuration file, NAME.toml, says. NAME is the interface.
//
// Every key, its unit, its default and its meaning stand in one table (config_keys.cpp): the
// parser, `config show` and the manual page read the same rows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/crypto/secret.hpp"
#include "agent/mesh/identity.hpp"
#include "xdpmesh/addr.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// A name or an address, and a UDP port in host byte order.
struct HostPort {
  std::string host;  // IPv6 without brackets
  std::uint16_t port = 0;

  // "host:51820", "192.0.2.1:51820", "[2001:db8::1]:51820".
  [[nodiscard]] static std::optional<HostPort> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
  friend bool operator==(const HostPort&, const HostPort&) = default;
};

// Where to look for a first member. Without an identity only an organisation's trust lets it in.
struct Seed {
  std::optional<Identity> identity;
  HostPort at;  // port 0: where the SRV records of _xdp-mesh._udp.HOST say

  // "IDENTITY@host:port" or "host:port", and with a name that has a dot also without the port; an
  // error says what is wrong with it.
  [[nodiscard]] static Result<Seed> parse(std::string_view text);
  // As parse() takes it.
  [[nodiscard]] std::string to_string() const;
  friend bool operator==(const Seed&, const Seed&) = default;
};

// A peer that is no member of the mesh, as in wg(8)'s configuration.
struct StaticPeer {
  PublicKey public_key{};
  std::optional<HostPort> endpoint;
  std::vector<Prefix> allowed_ips;
  std::string preshared_key_file;       // empty: none
  std::uint16_t keepalive_seconds = 0;  // 0: none

  friend bool operator==(const StaticPeer&, const StaticPeer&) = default;
};

struct MeshConfig {
  std::string mesh;
  std::uint16_t listen_port = 0;
  std::string private_key_file;  // empty: the identity's; else it must be the identity's
  std::vector<std::string> names;
  Prefix ipv4_prefix;
  std::vector<IpAddress> addresses;
  std::vector<Prefix> subnets;
  std::uint32_t record_hours = 0;
  std::vector<Seed> seeds;

  std::uint32_t mtu = 0;
  std::uint32_t workers = 0;  // 0: as many as the machine suggests
  std::vector<std::string> attach;

  bool lan_discovery = false;
  std::uint32_t resolve_seconds = 0;
  std::vector<HostPort> stun_servers;
  bool eager_sessions = false;
  std::uint16_t keepalive_seconds = 0;
  bool accept_subnets = false;
  bool accept_default = false;
  std::string hosts_file;  // empty: none
  std::uint32_t max_members = 0;
  std::uint32_t hellos_per_second = 0;
  Endpoint metrics_listen;  // not set: nowhere

  std::vector<StaticPeer> peers;
};

struct LoadedConfig {
  MeshConfig config;
  std::string text;  // every key with its value as TOML, defaults included: `config show`
};

inline constexpr std::size_t kMaxConfigSize = 256 * 1024;

// The configuration, or all faults of the text, one a line, each "NAME:LINE:COLUMN: expected …, got
// …". Unknown keys, wrong types and values out of range are faults.
[[nodiscard]] Result<LoadedConfig> parse_config(const std::string& name, std::string_view text);

// Every key with description, unit and default, as a TOML file in which the defaults are commented
// out: `config show --defaults`.
[[nodiscard]] std::string documented_defaults();

// A WireGuard key in wg(8)'s base64, 44 characters.
[[nodiscard]] bool decode_wireguard_key(std::string_view text, MutableBytes key);

// A private key that a configuration names beside the identity must be the identity's own: a node
// has one WireGuard key, which everyone computes from its identity.
[[nodiscard]] Status check_static_key(const Key& private_key, const SigningKey& identity);

}  // namespace xm
