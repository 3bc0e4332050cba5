#include "agent/crypto/kdf.hpp"

#include <cstdint>
#include <utility>

#include "agent/crypto/blake2s.hpp"

namespace xm {
namespace {

// T(n) = HMAC(secret, T(n-1) || n), with T(0) empty.
template <std::size_t N>
std::array<Key, N> expand(const Key& chaining_key, Bytes input) {
  const Key secret = hmac_blake2s(chaining_key.expose(), {input});
  std::array<Key, N> outputs;
  Bytes previous;
  for (std::size_t i = 0; i < N; ++i) {
    const auto number = static_cast<std::uint8_t>(i + 1);
    outputs[i] = hmac_blake2s(secret.expose(), {previous, Bytes(&number, 1)});
    previous = outputs[i].expose();
  }
  return outputs;
}

}  // namespace

Key kdf1(const Key& chaining_key, Bytes input) {
  return std::move(expand<1>(chaining_key, input)[0]);
}

std::array<Key, 2> kdf2(const Key& chaining_key, Bytes input) {
  return expand<2>(chaining_key, input);
}

std::array<Key, 3> kdf3(const Key& chaining_key, Bytes input) {
  return expand<3>(chaining_key, input);
}

}  // namespace xm
