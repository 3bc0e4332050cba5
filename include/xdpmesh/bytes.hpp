// Spans of bytes, and loads and stores of integers in a stated byte order.
//
// A span never owns: whoever declares one says where the bytes live and until when.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace xm {

using Bytes = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;

namespace detail {

template <std::unsigned_integral T>
[[nodiscard]] constexpr T swap_bytes(T value) {
  T swapped = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    swapped = static_cast<T>((swapped << 8) | (value & 0xff));
    value = static_cast<T>(value >> 8);
  }
  return swapped;
}

template <std::unsigned_integral T, std::endian Order>
[[nodiscard]] inline T load(const std::uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return std::endian::native == Order ? value : swap_bytes(value);
}

template <std::unsigned_integral T, std::endian Order>
inline void store(std::uint8_t* at, T value) {
  if constexpr (std::endian::native != Order) value = swap_bytes(value);
  std::memcpy(at, &value, sizeof value);
}

}  // namespace detail

// Each reads or writes sizeof(T) bytes at `at`, which need not be aligned; the caller has checked
// that they are there.
[[nodiscard]] inline std::uint16_t load_le16(const std::uint8_t* at) {
  return detail::load<std::uint16_t, std::endian::little>(at);
}
[[nodiscard]] inline std::uint32_t load_le32(const std::uint8_t* at) {
  return detail::load<std::uint32_t, std::endian::little>(at);
}
[[nodiscard]] inline std::uint64_t load_le64(const std::uint8_t* at) {
  return detail::load<std::uint64_t, std::endian::little>(at);
}
[[nodiscard]] inline std::uint16_t load_be16(const std::uint8_t* at) {
  return detail::load<std::uint16_t, std::endian::big>(at);
}
[[nodiscard]] inline std::uint32_t load_be32(const std::uint8_t* at) {
  return detail::load<std::uint32_t, std::endian::big>(at);
}
[[nodiscard]] inline std::uint64_t load_be64(const std::uint8_t* at) {
  return detail::load<std::uint64_t, std::endian::big>(at);
}
inline void store_le16(std::uint8_t* at, std::uint16_t value) {
  detail::store<std::uint16_t, std::endian::little>(at, value);
}
inline void store_le32(std::uint8_t* at, std::uint32_t value) {
  detail::store<std::uint32_t, std::endian::little>(at, value);
}
inline void store_le64(std::uint8_t* at, std::uint64_t value) {
  detail::store<std::uint64_t, std::endian::little>(at, value);
}
inline void store_be16(std::uint8_t* at, std::uint16_t value) {
  detail::store<std::uint16_t, std::endian::big>(at, value);
}
inline void store_be32(std::uint8_t* at, std::uint32_t value) {
  detail::store<std::uint32_t, std::endian::big>(at, value);
}
inline void store_be64(std::uint8_t* at, std::uint64_t value) {
  detail::store<std::uint64_t, std::endian::big>(at, value);
}

// Compares secrets: the time taken depends on the lengths only. Spans of different length differ.
[[nodiscard]] inline bool equal_constant_time(Bytes a, Bytes b) {
  if (a.size() != b.size()) return false;
  volatile std::uint8_t difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference = static_cast<std::uint8_t>(difference | (a[i] ^ b[i]));
  }
  return difference == 0;
}

}  // namespace xm
