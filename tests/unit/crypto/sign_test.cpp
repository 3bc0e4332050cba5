#include "agent/crypto/sign.hpp"

#include <doctest/doctest.h>

#include "agent/crypto/x25519.hpp"
#include "tests/support/seeded_random.hpp"
#include "tests/unit/crypto/vectors.hpp"

namespace xm {
namespace {

using test::array_of;
using test::from_hex;
using test::key_of_hex;
using test::to_hex;

VerifyKey verify_key_of_hex(std::string_view text) {
  return array_of<32>(from_hex(text));
}

}  // namespace

TEST_CASE("sign: RFC 8032, 7.1, tests 1 to 3") {
  struct Vector {
    const char* seed;
    const char* key;
    const char* message;
    const char* signature;
  };
  for (const Vector& vector : {
           Vector{"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                  "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
                  "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bac"
                  "c61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
           Vector{"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                  "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
                  "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e"
                  "458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
           Vector{"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
                  "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
                  "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290"
                  "ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
       }) {
    const SigningKey key = signing_key(key_of_hex(vector.seed));
    const auto message = from_hex(vector.message);
    CHECK(to_hex(verify_key(key)) == vector.key);
    CHECK(to_hex(sign(key, message)) == vector.signature);
    CHECK(verify(verify_key(key), message, sign(key, message)));
    CHECK(seed_of(key) == key_of_hex(vector.seed));
  }
}

TEST_CASE("sign: any change of message, signature or key is noticed") {
  test::SeededRandom random;
  const SigningKey key = generate_signing_key(random);
  const auto message = test::noise(40, 1);
  const Signature signature = sign(key, message);
  for (std::size_t bit = 0; bit < message.size() * 8; ++bit) {
    auto changed = message;
    changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ 1U << bit % 8);
    CHECK_FALSE(verify(verify_key(key), changed, signature));
  }
  for (std::size_t bit = 0; bit < signature.size() * 8; ++bit) {
    Signature changed = signature;
    changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ 1U << bit % 8);
    CHECK_FALSE(verify(verify_key(key), message, changed));
  }
  CHECK_FALSE(verify(verify_key(generate_signing_key(random)), message, signature));
}

TEST_CASE("sign: keys of low order, off the curve or in another spelling are refused") {
  const Signature zeroes{};
  for (const char* text : {
           // The eight points of low order, and two of them in a spelling that is not canonical.
           "0100000000000000000000000000000000000000000000000000000000000000",
           "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
           "0000000000000000000000000000000000000000000000000000000000000000",
           "0000000000000000000000000000000000000000000000000000000000000080",
           "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
           "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
           "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
           "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
           "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
           "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
           // No point of the curve has y = 2.
           "0200000000000000000000000000000000000000000000000000000000000000",
           // y = p + 3, which is a point's, but not as that point is written.
           "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
       }) {
    CAPTURE(text);
    const VerifyKey key = verify_key_of_hex(text);
    CHECK_FALSE(is_valid_verify_key(key));
    CHECK_FALSE(x25519_of(key).has_value());
    CHECK_FALSE(verify(key, {}, zeroes));
  }
}

TEST_CASE("sign: the X25519 forms of a pair are a pair, and two of them agree on a secret") {
  test::SeededRandom random;
  const SigningKey alice = generate_signing_key(random);
  const SigningKey bob = generate_signing_key(random);
  REQUIRE(is_valid_verify_key(verify_key(alice)));
  const auto public_alice = x25519_of(verify_key(alice));
  const auto public_bob = x25519_of(verify_key(bob));
  REQUIRE(public_alice.has_value());
  REQUIRE(public_bob.has_value());
  CHECK(public_key(x25519_of(alice)) == *public_alice);
  const auto one = shared_secret(x25519_of(alice), *public_bob);
  const auto other = shared_secret(x25519_of(bob), *public_alice);
  REQUIRE(one.has_value());
  REQUIRE(other.has_value());
  CHECK(*one == *other);
}

TEST_CASE("sign: the X25519 form of a private key is clamped, as wg(8) would store it") {
  test::SeededRandom random;
  const Key key = x25519_of(generate_signing_key(random));
  Key clamped = key.clone();
  clamp_private_key(clamped);
  CHECK(clamped == key);
}

}  // namespace xm
