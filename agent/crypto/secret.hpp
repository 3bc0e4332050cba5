// Key bytes that wipe themselves and cannot be printed, compared by accident, or copied by
// accident.
#pragma once

#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "xdpmesh/bytes.hpp"

namespace xm {

// N secret bytes. Moving wipes the source; copying is said aloud with clone(). There is no
// operator<<, and == compares in constant time.
template <std::size_t N>
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::span<const std::uint8_t, N> bytes) {
    std::copy(bytes.begin(), bytes.end(), bytes_.begin());
  }
  Secret(Secret&& other) noexcept : bytes_(other.bytes_) { other.wipe(); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      bytes_ = other.bytes_;
      other.wipe();
    }
    return *this;
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { wipe(); }

  [[nodiscard]] Secret clone() const { return Secret(std::span<const std::uint8_t, N>(bytes_)); }
  void wipe() { sodium_memzero(bytes_.data(), N); }
  [[nodiscard]] bool is_zero() const { return sodium_is_zero(bytes_.data(), N) == 1; }

  // The bytes themselves, for the primitives; they live as long as this object.
  [[nodiscard]] std::span<const std::uint8_t, N> expose() const { return bytes_; }
  [[nodiscard]] std::span<std::uint8_t, N> expose_mutable() { return bytes_; }

  friend bool operator==(const Secret& a, const Secret& b) {
    return equal_constant_time(a.bytes_, b.bytes_);
  }

 private:
  std::array<std::uint8_t, N> bytes_{};
};

using Key = Secret<32>;
using PublicKey = std::array<std::uint8_t, 32>;

}  // namespace xm
