// Bytes for the tests of agent/crypto: from hexadecimal, counting up, and pseudo-random ones that
// are the same in every run.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "agent/crypto/secret.hpp"
#include "xdpmesh/bytes.hpp"

namespace xm::test {

using Buffer = std::vector<std::uint8_t>;

inline Buffer from_hex(std::string_view text) {
  if (text.size() % 2 != 0) throw std::invalid_argument("odd number of hexadecimal digits");
  Buffer out;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    out.push_back(
        static_cast<std::uint8_t>(std::stoul(std::string(text.substr(i, 2)), nullptr, 16)));
  }
  return out;
}

inline std::string to_hex(Bytes bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const std::uint8_t byte : bytes) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

template <std::size_t N>
std::array<std::uint8_t, N> array_of(Bytes bytes) {
  if (bytes.size() != N) throw std::invalid_argument("a vector of another length than expected");
  std::array<std::uint8_t, N> out;
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

inline Key key_of(Bytes bytes) {
  return Key(std::span<const std::uint8_t, 32>(array_of<32>(bytes)));
}
inline Key key_of_hex(std::string_view text) {
  return key_of(from_hex(text));
}

// 00 01 02 …
inline Buffer counting(std::size_t size) {
  Buffer out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(i);
  return out;
}

inline Buffer noise(std::size_t size, std::uint32_t seed) {
  std::mt19937 generator(seed);
  Buffer out(size);
  for (auto& byte : out) byte = static_cast<std::uint8_t>(generator());
  return out;
}

}  // namespace xm::test
