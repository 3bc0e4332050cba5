#include "agent/crypto/x25519.hpp"

#include <doctest/doctest.h>

#include <string>

#include "tests/unit/crypto/vectors.hpp"

namespace xm {
namespace {

using test::array_of;
using test::from_hex;
using test::key_of;
using test::key_of_hex;
using test::to_hex;

PublicKey public_of_hex(std::string_view text) {
  return array_of<32>(from_hex(text));
}

std::string shared_hex(const Key& private_key, const PublicKey& peer) {
  const std::optional<Key> shared = shared_secret(private_key, peer);
  return shared ? to_hex(shared->expose()) : "none";
}

class CountingRandom final : public Random {
 public:
  void fill(MutableBytes out) override {
    for (auto& byte : out) byte = next_++;
  }

 private:
  std::uint8_t next_ = 0xff;
};

}  // namespace

TEST_CASE("x25519: RFC 7748, 5.2, single multiplications") {
  CHECK(shared_hex(
            key_of_hex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"),
            public_of_hex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")) ==
        "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
  CHECK(shared_hex(
            key_of_hex("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d"),
            public_of_hex("e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493")) ==
        "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957");
}

TEST_CASE("x25519: RFC 7748, 5.2, after one and after 1,000 iterations") {
  std::string scalar = "0900000000000000000000000000000000000000000000000000000000000000";
  std::string point = scalar;
  for (int i = 1; i <= 1000; ++i) {
    const std::string next = shared_hex(key_of_hex(scalar), public_of_hex(point));
    point = scalar;
    scalar = next;
    if (i == 1) {
      CHECK(scalar == "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
    }
  }
  CHECK(scalar == "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
}

TEST_CASE("x25519: RFC 7748, 6.1, Alice and Bob") {
  const Key alice = key_of_hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
  const Key bob = key_of_hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
  CHECK(to_hex(public_key(alice)) ==
        "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  CHECK(to_hex(public_key(bob)) ==
        "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
  constexpr const char* kShared =
      "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";
  CHECK(shared_hex(alice, public_key(bob)) == kShared);
  CHECK(shared_hex(bob, public_key(alice)) == kShared);
}

TEST_CASE("x25519: points of low order have no shared secret") {
  SystemRandom random;
  const Key key = generate_private_key(random);
  for (const char* point : {
           "0000000000000000000000000000000000000000000000000000000000000000",
           "0100000000000000000000000000000000000000000000000000000000000000",
           "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
           "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
           "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
           "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
           "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
           // The same with the unused top bit set.
           "0000000000000000000000000000000000000000000000000000000000000080",
           "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
       }) {
    CHECK(shared_hex(key, public_of_hex(point)) == "none");
  }
}

TEST_CASE("x25519: a generated key is clamped and comes from the given source") {
  CountingRandom random;
  const Key key = generate_private_key(random);
  const auto bytes = key.expose();
  CHECK(bytes[0] == 0xf8);
  CHECK(bytes[1] == 0x00);
  CHECK(bytes[31] == 0x5e);
}

TEST_CASE("x25519: clamping changes neither the public key nor the secret") {
  const Key key = key_of(test::noise(32, 3));
  Key clamped = key.clone();
  clamp_private_key(clamped);
  CHECK_FALSE(clamped == key);
  CHECK(public_key(clamped) == public_key(key));
  SystemRandom random;
  const PublicKey peer = public_key(generate_private_key(random));
  CHECK(shared_hex(clamped, peer) == shared_hex(key, peer));
}

}  // namespace xm
