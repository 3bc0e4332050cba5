#include "agent/node_mesh_setup.hpp"

#include <unistd.h>

#include <array>
#include <cctype>
#include <utility>

#include "agent/mesh/names.hpp"
#include "agent/store/config_file.hpp"
#include "agent/store/secure_file.hpp"

namespace xm {
namespace {

// The host's name as a label, if it can be one.
std::vector<std::string> host_names() {
  std::array<char, 256> raw{};
  if (gethostname(raw.data(), raw.size() - 1) != 0) return {};
  std::string name(raw.data());
  name.resize(std::min(name.find('.'), name.size()));
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (!is_node_name(name)) return {};
  return {name};
}

// A key that is read once, when the node starts.
struct StartKey {
  std::string_view name;
  bool (*keep)(MeshConfig& now, const MeshConfig& running);  // true: it differed
};

template <auto Member>
bool keep(MeshConfig& now, const MeshConfig& running) {
  if (now.*Member == running.*Member) return false;
  now.*Member = running.*Member;
  return true;
}

using C = MeshConfig;

constexpr std::array kStartKeys{
    StartKey{"mesh", keep<&C::mesh>},
    StartKey{"listen_port", keep<&C::listen_port>},
    StartKey{"private_key_file", keep<&C::private_key_file>},
    StartKey{"ipv4_prefix", keep<&C::ipv4_prefix>},
    StartKey{"interface.mtu", keep<&C::mtu>},
    StartKey{"interface.workers", keep<&C::workers>},
    StartKey{"interface.attach", keep<&C::attach>},
    StartKey{"discovery.lan", keep<&C::lan_discovery>},
    StartKey{"metrics.listen", keep<&C::metrics_listen>},
};

Endpoint literal(const HostPort& at) {
  const auto address = IpAddress::parse(at.host);
  return address ? Endpoint{*address, at.port, 0} : Endpoint{};
}

}  // namespace

Result<MeshSetup> load_mesh_setup(const MeshPlace& place) {
  auto config = load_config_file(place.config_path());
  if (!config) {
    if (config.error().os_errno != ENOENT) return config.error();
    return Error{place.config_path() +
                 ": there is no configuration; the least is one line, as mesh = \"home\" "
                 "(xdp-mesh config show --defaults prints all)"};
  }
  const KeyDirectory keys(place.directory);
  auto key = keys.load_key(KeyKind::node);
  if (!key) return key.error();
  if (Status same = check_private_key_file(config->config.private_key_file, key.value()); !same) {
    return same.error();
  }
  auto peers = static_peers(config->config);
  if (!peers) return peers.error();
  const std::string parent = place.state.substr(0, place.state.rfind('/'));
  for (const std::string& folder : {parent, place.state}) {
    if (Status made = make_directory(folder, 0700); !made) return made.error();
  }
  return MeshSetup{place, std::move(config->config), std::move(*key), std::move(*peers)};
}

MeshOptions mesh_options(const MeshConfig& config) {
  MeshOptions options;
  options.mesh = config.mesh;
  options.ipv4_prefix = config.ipv4_prefix;
  options.wishes.names = config.names.empty() ? host_names() : config.names;
  options.wishes.addresses = config.addresses;
  options.wishes.subnets = config.subnets;
  options.wishes.life = UnixSeconds{config.record_hours} * kHour;
  options.max_members = config.max_members;
  options.hellos_per_second = config.hellos_per_second;
  options.accept_subnets = config.accept_subnets;
  options.accept_default = config.accept_default;
  for (const StaticPeer& peer : config.peers) {
    options.outside.push_back({peer.public_key, peer.allowed_ips});
  }
  return options;
}

std::vector<std::string_view> keep_until_start(MeshConfig& now, const MeshConfig& running) {
  std::vector<std::string_view> kept;
  for (const StartKey& key : kStartKeys) {
    if (key.keep(now, running)) kept.push_back(key.name);
  }
  return kept;
}

NodeOptions node_options(const NodeOptions& given, const MeshConfig& config) {
  NodeOptions options = given;
  if (options.workers == 0) options.workers = config.workers;
  if (!options.mtu) options.mtu = config.mtu;
  if (options.attach.empty()) {
    for (const std::string& word : config.attach) {
      AttachRequest request;
      request.interface = word;
      options.attach.push_back(std::move(request));
    }
  }
  if (!options.metrics.is_set()) options.metrics = config.metrics_listen;
  return options;
}

Result<std::vector<PeerChange>> static_peers(const MeshConfig& config) {
  auto preshared_keys = load_preshared_keys(config);
  if (!preshared_keys) return preshared_keys.error();
  std::vector<PeerChange> changes;
  for (std::size_t i = 0; i < config.peers.size(); ++i) {
    const StaticPeer& peer = config.peers[i];
    PeerChange change;
    change.public_key = peer.public_key;
    change.replace_allowed_ips = true;
    change.add_allowed_ips = peer.allowed_ips;
    change.persistent_keepalive = peer.keepalive_seconds;
    change.preshared_key = std::move((*preshared_keys)[i]);
    if (peer.endpoint) {
      const Endpoint at = literal(*peer.endpoint);
      if (at.is_set()) change.endpoint = at;
    }
    changes.push_back(std::move(change));
  }
  return changes;
}

}  // namespace xm
