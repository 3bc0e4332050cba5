// Names of meshes and of nodes, and patterns over the latter.
#pragma once

#include <string_view>

namespace xm {

inline constexpr std::size_t kMaxMeshName = 32;
inline constexpr std::size_t kMaxNodeName = 63;

// 1 to 32 of a-z, 0-9 and "-", the first a letter or a digit.
[[nodiscard]] bool is_mesh_name(std::string_view name);

// A DNS label (RFC 1035, 2.3.1, with RFC 1123's leading digit) in lower case: 1 to 63 of a-z, 0-9
// and "-", neither first nor last a "-".
[[nodiscard]] bool is_node_name(std::string_view name);

// A node name, or the beginning of one and "*": "web-1", "web-*", "*".
[[nodiscard]] bool is_name_pattern(std::string_view pattern);

// Every name that `inner` (a name or a pattern) stands for, `outer` stands for too.
[[nodiscard]] bool pattern_covers(std::string_view outer, std::string_view inner);

}  // namespace xm
