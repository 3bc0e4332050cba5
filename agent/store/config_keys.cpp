#include "agent/store/config_keys.hpp"

#include <algorithm>
#include <array>
#include <type_traits>

#include "agent/mesh/addresses.hpp"
#include "agent/mesh/names.hpp"
#include "agent/mesh/record.hpp"

namespace xm {
namespace {

template <typename Owner, typename Field>
Owner owner_of(Field Owner::*);

// The field that a pointer to member names, in the configuration or in the peer.
template <auto Member>
auto& field(MeshConfig& config, StaticPeer& peer) {
  if constexpr (std::is_same_v<decltype(owner_of(Member)), StaticPeer>) {
    return peer.*Member;
  } else {
    return config.*Member;
  }
}

// --- setters for the rows of the table: each is a ConfigKey::Set
// ------------------------------------

template <auto Member>
std::string flag(const ConfigValue& value, MeshConfig& config, StaticPeer& peer) {
  field<Member>(config, peer) = std::get<bool>(value);
  return {};
}

template <auto Member>
std::string text(const ConfigValue& value, MeshConfig& config, StaticPeer& peer) {
  field<Member>(config, peer) = std::get<std::string>(value);
  return {};
}

template <auto Member, std::int64_t Least, std::int64_t Most>
std::string number(const ConfigValue& value, MeshConfig& config, StaticPeer& peer) {
  const std::int64_t given = std::get<std::int64_t>(value);
  if (given < Least || given > Most) {
    return std::to_string(Least) + " to " + std::to_string(Most) + ", got " + std::to_string(given);
  }
  auto& out = field<Member>(config, peer);
  out = static_cast<std::remove_reference_t<decltype(out)>>(given);
  return {};
}

// A host and a port, or none when the text is empty.
template <auto Member>
std::string host_port(const ConfigValue& value, MeshConfig& config, StaticPeer& peer) {
  const auto& given = std::get<std::string>(value);
  auto& out = field<Member>(config, peer);
  out = HostPort::parse(given);
  return out || given.empty() ? "" : "host:port, got '" + given + "'";
}

// Where to listen: no name, which could lead anywhere; not set when the text is empty.
template <auto Member>
std::string listener(const ConfigValue& value, MeshConfig& config, StaticPeer& peer) {
  const auto& given = std::get<std::string>(value);
  const auto parsed = Endpoint::parse(given);
  field<Member>(config, peer) = parsed.value_or(Endpoint{});
  return parsed || given.empty() ? ""
                                 : "an address and a port, as 127.0.0.1:9586, got '" + given + "'";
}

// What a list is made of: how an element is read, and how that is called.
struct NodeName {
  static constexpr std::string_view kExpected = "DNS labels in lower case";
  static std::optional<std::string> parse(const std::string& given) {
    return is_node_name(given) ? std::optional(given) : std::nullopt;
  }
};
struct InterfaceName {
  static constexpr std::string_view kExpected = "names of interfaces";
  static std::optional<std::string> parse(const std::string& given) {
    const bool fits = !given.empty() && given.size() < 16 && given.find('/') == std::string::npos;
    return fits ? std::optional(given) : std::nullopt;
  }
};
struct Address {
  static constexpr std::string_view kExpected = "addresses";
  static std::optional<IpAddress> parse(const std::string& given) {
    return IpAddress::parse(given);
  }
};
struct AnyPrefix {
  static constexpr std::string_view kExpected = "prefixes";
  static std::optional<Prefix> parse(const std::string& given) { return Prefix::parse(given); }
};
struct ExactPrefix {
  static constexpr std::string_view kExpected = "prefixes without host bits";
  static std::optional<Prefix> parse(const std::string& given) {
    return Prefix::parse_exact(given);
  }
};
struct Server {
  static constexpr std::string_view kExpected = "host:port";
  static std::optional<HostPort> parse(const std::string& given) { return HostPort::parse(given); }
};

template <auto Member, typename Element, std::size_t Most>
std::string list(const ConfigValue& value, MeshConfig& config, StaticPeer& peer) {
  const auto& given = std::get<std::vector<std::string>>(value);
  auto& out = field<Member>(config, peer);
  out.clear();
  if (given.size() > Most) return "at most " + std::to_string(Most);
  for (const std::string& one : given) {
    auto element = Element::parse(one);
    if (!element) return std::string(Element::kExpected) + ", got '" + one + "'";
    out.push_back(std::move(*element));
  }
  return {};
}

std::string set_mesh(const ConfigValue& value, MeshConfig& config, StaticPeer&) {
  config.mesh = std::get<std::string>(value);
  if (is_mesh_name(config.mesh)) return {};
  return "1 to 32 of a-z, 0-9 and \"-\", got '" + config.mesh + "'";
}

std::string set_ipv4_prefix(const ConfigValue& value, MeshConfig& config, StaticPeer&) {
  const auto& given = std::get<std::string>(value);
  const auto prefix = ExactPrefix::parse(given);
  if (!prefix || !prefix->address.is_v4() || prefix->length < 8 ||
      prefix->length > kLongestMeshPrefix) {
    return "an IPv4 prefix of 8 to 28 bits without host bits, got '" + given + "'";
  }
  config.ipv4_prefix = *prefix;
  return {};
}

std::string set_seeds(const ConfigValue& value, MeshConfig& config, StaticPeer&) {
  config.seeds.clear();
  for (const std::string& given : std::get<std::vector<std::string>>(value)) {
    const auto seed = Seed::parse(given);
    if (!seed) return "[IDENTITY@]host[:port], got '" + given + "': " + seed.error().what;
    config.seeds.push_back(seed.value());
  }
  return {};
}

std::string set_public_key(const ConfigValue& value, MeshConfig&, StaticPeer& peer) {
  if (decode_wireguard_key(std::get<std::string>(value), peer.public_key)) return {};
  return "a WireGuard key of 44 characters of base64";
}

using C = MeshConfig;
using P = StaticPeer;

constexpr std::array kKeys{
    ConfigKey{"mesh", "", "", "Name of the mesh: all its nodes have the same.", set_mesh},
    ConfigKey{"listen_port", "UDP port", "51820", "Where WireGuard, gossip and STUN are spoken.",
              number<&C::listen_port, 1, 65535>},
    ConfigKey{"private_key_file", "path", R"("")",
              "A WireGuard private key; it must be the identity's. Empty: not looked at.",
              text<&C::private_key_file>},
    ConfigKey{"names", "DNS labels, at most 4", "[]",
              "Names wanted in the mesh, as far as others grant them. Empty: the host's name.",
              list<&C::names, NodeName, kMaxRecordNames>},
    ConfigKey{"ipv4_prefix", "prefix", R"("100.64.0.0/10")",
              "Where IPv4 addresses are derived in: the same on all nodes.", set_ipv4_prefix},
    ConfigKey{"addresses", "addresses, at most 4", "[]",
              "Addresses wanted beside the derived ones, as far as others grant them.",
              list<&C::addresses, Address, kMaxRecordAddresses>},
    ConfigKey{"subnets", "prefixes, at most 8", "[]",
              "Subnets behind this node that it offers to route, as far as others grant them.",
              list<&C::subnets, ExactPrefix, kMaxRecordSubnets>},
    ConfigKey{"record_hours", "hours", "24", "How long this node's record lives: 6 to 168.",
              number<&C::record_hours, kLeastRecordLife / kHour, kMostRecordLife / kHour>},
    ConfigKey{"seeds", "IDENTITY@host:port", "[]",
              "Members to begin with. Without :port the SRV records of _xdp-mesh._udp.HOST say "
              "where; without IDENTITY@ a TXT record \"k=IDENTITY\" of the host says who, else an "
              "organisation's trust is needed.",
              set_seeds},
    ConfigKey{"interface.mtu", "bytes", "1420", "MTU of the interface.",
              number<&C::mtu, 1280, 65535>},
    ConfigKey{"interface.workers", "threads", "0",
              "Worker threads, at most 64; 0: one a core, at most 8.", number<&C::workers, 0, 64>},
    ConfigKey{"interface.attach", "interfaces", "[]", "Where XDP is attached.",
              list<&C::attach, InterfaceName, 16>},
    ConfigKey{"discovery.lan", "", "false",
              "Look for members by multicast in the local network; with an organisation's trust.",
              flag<&C::lan_discovery>},
    ConfigKey{"discovery.resolve_seconds", "seconds", "300",
              "How often the names of seeds are resolved again.",
              number<&C::resolve_seconds, 10, 86400>},
    ConfigKey{"stun.servers", "host:port", "[]",
              "STUN servers by which this node learns its public endpoints.",
              list<&C::stun_servers, Server, 8>},
    ConfigKey{"sessions.eager", "", "false",
              "Shake hands with every member at once, not with the first packet.",
              flag<&C::eager_sessions>},
    ConfigKey{"sessions.keepalive_seconds", "seconds", "25",
              "How often a mapping of a NAT is kept alive where there is one; 0: never.",
              number<&C::keepalive_seconds, 0, 65535>},
    ConfigKey{"routes.accept_subnets", "", "true",
              "Put the subnets that are granted to members into the kernel's routing table.",
              flag<&C::accept_subnets>},
    ConfigKey{
        "routes.accept_default", "", "false",
        "Let a member be the default route, before this machine's own, if it is granted that.",
        flag<&C::accept_default>},
    ConfigKey{
        "resolver.hosts_file", "path", R"("")",
        "A hosts file, as /etc/hosts, in which NAME.mesh is kept for each member. Empty: none.",
        text<&C::hosts_file>},
    ConfigKey{"limits.members", "members", "4096", "The most members that are remembered.",
              number<&C::max_members, 2, 65536>},
    ConfigKey{"limits.hellos_per_second", "hellos a second", "200",
              "The most first contacts whose signatures are verified.",
              number<&C::hellos_per_second, 1, 100000>},
    ConfigKey{"metrics.listen", "address:port", R"("")",
              "Where Prometheus reads /metrics, and /healthz and /readyz answer. Empty: nowhere.",
              listener<&C::metrics_listen>},
    ConfigKey{"peer.public_key", "base64", "", "The peer's WireGuard key.", set_public_key},
    ConfigKey{"peer.endpoint", "host:port", R"("")",
              "Where it is. Empty: known when it has sent something.", host_port<&P::endpoint>},
    ConfigKey{"peer.allowed_ips", "prefixes", "[]", "Which inner addresses are its own.",
              list<&P::allowed_ips, AnyPrefix, 1024>},
    ConfigKey{"peer.preshared_key_file", "path", R"("")", "A preshared key. Empty: none.",
              text<&P::preshared_key_file>},
    ConfigKey{"peer.keepalive_seconds", "seconds", "0", "Persistent keepalive; 0: none.",
              number<&P::keepalive_seconds, 0, 65535>},
};

}  // namespace

std::string_view ConfigKey::type() const {
  if (standard.empty() || standard.front() == '"') return "a text";
  if (standard.front() == '[') return "a list of texts";
  return standard == "true" || standard == "false" ? "a boolean" : "an integer";
}

std::span<const ConfigKey> config_keys() {
  return kKeys;
}

const ConfigKey* find_config_key(std::string_view path) {
  const auto found = std::find_if(kKeys.begin(), kKeys.end(),
                                  [&](const ConfigKey& key) { return key.path == path; });
  return found == kKeys.end() ? nullptr : &*found;
}

std::string_view section_of(std::string_view path) {
  const std::size_t dot = path.find('.');
  return dot == std::string_view::npos ? std::string_view() : path.substr(0, dot);
}

std::string_view name_in_section(std::string_view path) {
  const std::size_t dot = path.find('.');
  return dot == std::string_view::npos ? path : path.substr(dot + 1);
}

}  // namespace xm
