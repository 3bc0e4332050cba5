// Text of a client's for the log: quoted, escaped, and too short to give a key away.
#pragma once

#include <string>
#include <string_view>

namespace xm {

// 'text' with whatever is not printable ASCII as "?"; of longer text only the length. A key has 44
// characters (base64) or 64 (hexadecimal), so one that strayed into another field is not shown.
[[nodiscard]] inline std::string printable(std::string_view text) {
  constexpr std::size_t kLongest = 43;
  if (text.size() > kLongest) return "a text of " + std::to_string(text.size()) + " bytes";
  std::string quoted = "'";
  for (const char c : text) quoted += c >= ' ' && c <= '~' ? c : '?';
  return quoted + "'";
}

}  // namespace xm
