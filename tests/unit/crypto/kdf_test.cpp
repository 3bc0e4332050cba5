#include "agent/crypto/kdf.hpp"

#include <doctest/doctest.h>

#include <string_view>

#include "tests/unit/crypto/vectors.hpp"

namespace xm {
namespace {

using test::counting;
using test::key_of;
using test::to_hex;

// Made with Python's hmac and hashlib, from the formula of Noise, for the chaining key 00 01 … 1f.
constexpr std::string_view kInput = "xdp-mesh key derivation";
constexpr std::string_view kFirst =
    "74c2468cfd3e56a5d81e786a07963eb6f11bb0dc2f2e459bfd03ca0dad3c4624";
constexpr std::string_view kSecond =
    "871a933b3b4a3e5b434e1f0635258cffefafcac97d606661409c3b5a49a5bf51";
constexpr std::string_view kThird =
    "6d3769a53a63663395154bbbc1dacdf38aa5a9f2c81da523ee60fc9912030d3c";

Bytes input() {
  return {reinterpret_cast<const std::uint8_t*>(kInput.data()), kInput.size()};
}

}  // namespace

TEST_CASE("kdf: one, two and three outputs of one input begin alike") {
  const Key chaining_key = key_of(counting(32));
  CHECK(to_hex(kdf1(chaining_key, input()).expose()) == kFirst);

  const auto two = kdf2(chaining_key, input());
  CHECK(to_hex(two[0].expose()) == kFirst);
  CHECK(to_hex(two[1].expose()) == kSecond);

  const auto three = kdf3(chaining_key, input());
  CHECK(to_hex(three[0].expose()) == kFirst);
  CHECK(to_hex(three[1].expose()) == kSecond);
  CHECK(to_hex(three[2].expose()) == kThird);
}

TEST_CASE("kdf: an empty input, as at the end of a handshake") {
  const auto keys = kdf2(key_of(counting(32)), {});
  CHECK(to_hex(keys[0].expose()) ==
        "7a38c34bf2b8738d7374ca77c44ecb309a11d2b2528304fa86052c365e722624");
  CHECK(to_hex(keys[1].expose()) ==
        "1a17621f346abdc520746a9fb64d8eb03231d674fc15687537b0780fd9c060fd");
}

TEST_CASE("kdf: a chaining key may be replaced by its own derivation") {
  Key chaining_key = key_of(counting(32));
  chaining_key = kdf1(chaining_key, input());
  CHECK(to_hex(chaining_key.expose()) == kFirst);
}

}  // namespace xm
