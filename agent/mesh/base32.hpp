// Base32 (RFC 4648, 6) in lower case and without padding: it survives a DNS label, a file name and
// being read aloud.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "xdpmesh/bytes.hpp"

namespace xm {

inline constexpr std::string_view kBase32Digits = "abcdefghijklmnopqrstuvwxyz234567";

[[nodiscard]] constexpr std::size_t base32_size(std::size_t bytes) {
  return (bytes * 8 + 4) / 5;
}

// Appends to a std::string, or to a SecretText when the bytes are secret.
template <typename Text>
void append_base32(Text& text, Bytes bytes) {
  std::uint32_t held = 0;
  unsigned bits = 0;
  for (const std::uint8_t byte : bytes) {
    held = (held << 8 | byte) & 0xfff;
    for (bits += 8; bits >= 5; bits -= 5) text += kBase32Digits[held >> (bits - 5) & 31];
  }
  if (bits != 0) text += kBase32Digits[held << (5 - bits) & 31];
}

[[nodiscard]] inline std::string to_base32(Bytes bytes) {
  std::string text;
  append_base32(text, bytes);
  return text;
}

// Whether `text` is the spelling of exactly `out.size()` bytes, which are then in `out`. Not for
// any other character, nor with bits past the last byte: every value has one spelling.
[[nodiscard]] bool decode_base32(std::string_view text, MutableBytes out);

// Nothing when no bytes are spelt so.
[[nodiscard]] std::optional<std::vector<std::uint8_t>> from_base32(std::string_view text);

}  // namespace xm
