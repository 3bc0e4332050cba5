// NAME.toml on the disk, and the key files that it names. Any thread.
#pragma once

#include <string>
#include <vector>

#include "agent/crypto/secret.hpp"
#include "agent/store/config.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// The name of the interface that a configuration file is for: the file's own, without ".toml".
[[nodiscard]] std::string config_name(const std::string& path);

// Reads and parses it. The file is one that nobody else may write (secure_file.hpp).
[[nodiscard]] Result<LoadedConfig> load_config_file(const std::string& path);

// A file that holds one WireGuard key in wg(8)'s base64, private: its own mode is checked.
[[nodiscard]] Result<Key> load_wireguard_key(const std::string& path);

// `private_key_file` beside the identity, if there is one, must hold the identity's own key.
[[nodiscard]] Status check_private_key_file(const std::string& path, const SigningKey& identity);

// The preshared key of each static peer, in their order; zero where none is named.
[[nodiscard]] Result<std::vector<Key>> load_preshared_keys(const MeshConfig& config);

}  // namespace xm
