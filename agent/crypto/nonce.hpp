// The nonce of WireGuard's AEAD: four zero bytes, then the counter in little-endian.
#pragma once

#include <array>
#include <cstdint>

#include "xdpmesh/bytes.hpp"

namespace xm {

using Nonce = std::array<std::uint8_t, 12>;

[[nodiscard]] inline Nonce nonce_of(std::uint64_t counter) {
  Nonce nonce{};
  store_le64(nonce.data() + 4, counter);
  return nonce;
}

}  // namespace xm
