#include "agent/store/config_file.hpp"

#include <utility>

#include "agent/store/secure_file.hpp"

namespace xm {

std::string config_name(const std::string& path) {
  std::string name = path.substr(path.rfind('/') + 1);
  if (name.ends_with(".toml")) name.resize(name.size() - 5);
  return name;
}

Result<LoadedConfig> load_config_file(const std::string& path) {
  const auto text = read_trusted_file(path);
  if (!text) return text.error();
  return parse_config(path, text.value());
}

Result<Key> load_wireguard_key(const std::string& path) {
  auto text = read_private_file(path);
  if (!text) return text.error();
  while (!text->empty() && text->back() == '\n') text->pop_back();
  Key key;
  if (!decode_wireguard_key(*text, key.expose_mutable())) {
    return Error{path + ": expected a WireGuard key of 44 characters of base64"};
  }
  return key;
}

Status check_private_key_file(const std::string& path, const SigningKey& identity) {
  if (path.empty()) return {};
  const auto key = load_wireguard_key(path);
  if (!key) return key.error();
  const Status same = check_static_key(key.value(), identity);
  return same ? same : Error{path + ": " + same.error().what};
}

Result<std::vector<Key>> load_preshared_keys(const MeshConfig& config) {
  std::vector<Key> keys;
  for (const StaticPeer& peer : config.peers) {
    keys.emplace_back();
    if (peer.preshared_key_file.empty()) continue;
    auto key = load_wireguard_key(peer.preshared_key_file);
    if (!key) return Error{"preshared_key_file: " + key.error().what, key.error().os_errno};
    keys.back() = std::move(*key);
  }
  return keys;
}

}  // namespace xm
