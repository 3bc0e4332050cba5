#include "agent/mesh/base32.hpp"

namespace xm {

bool decode_base32(std::string_view text, MutableBytes out) {
  if (text.size() != base32_size(out.size())) return false;
  std::uint32_t held = 0;
  unsigned bits = 0;
  std::size_t written = 0;
  for (const char c : text) {
    const std::size_t digit = kBase32Digits.find(c);
    if (digit == std::string_view::npos) return false;
    held = (held << 5 | static_cast<std::uint32_t>(digit)) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    out[written++] = static_cast<std::uint8_t>(held >> bits);
  }
  return (held & ((1U << bits) - 1)) == 0;
}

std::optional<std::vector<std::uint8_t>> from_base32(std::string_view text) {
  std::vector<std::uint8_t> bytes(text.size() * 5 / 8);
  if (!decode_base32(text, bytes)) return std::nullopt;
  return bytes;
}

}  // namespace xm
