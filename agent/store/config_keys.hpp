// The one table of configuration keys.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "agent/store/config.hpp"

namespace xm {

using ConfigValue = std::variant<bool, std::int64_t, std::string, std::vector<std::string>>;

struct ConfigKey {
  // Into the configuration, or the peer that is being read. Returns what was expected, or nothing.
  using Set = std::string (*)(const ConfigValue& value, MeshConfig& config, StaticPeer& peer);

  std::string_view path;  // "stun.servers"; a peer's begins with "peer."
  std::string_view unit;  // "seconds"; empty where there is none
  // As TOML, by which its type is known; empty for a text that must be given.
  std::string_view standard;
  std::string_view meaning;
  Set set;

  [[nodiscard]] bool is_required() const { return standard.empty(); }
  // "a boolean", "an integer", "a text", "a list of texts".
  [[nodiscard]] std::string_view type() const;
};

inline constexpr std::string_view kPeerSection = "peer";

// In the order in which they are shown: keys without a section, then by section.
[[nodiscard]] std::span<const ConfigKey> config_keys();
// Null for a path that is none.
[[nodiscard]] const ConfigKey* find_config_key(std::string_view path);

// "stun" of "stun.servers", nothing of "mesh"; and what comes after.
[[nodiscard]] std::string_view section_of(std::string_view path);
[[nodiscard]] std::string_view name_in_section(std::string_view path);

}  // namespace xm
