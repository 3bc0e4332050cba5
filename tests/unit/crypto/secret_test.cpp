#include "agent/crypto/secret.hpp"

#include <doctest/doctest.h>

#include <array>
#include <new>
#include <type_traits>
#include <utility>

#include "tests/unit/crypto/vectors.hpp"

namespace xm {

using test::counting;
using test::key_of;

TEST_CASE("Secret: cannot be copied unseen") {
  static_assert(!std::is_copy_constructible_v<Key>);
  static_assert(!std::is_copy_assignable_v<Key>);
  const Key key = key_of(counting(32));
  CHECK(key.clone() == key);
}

TEST_CASE("Secret: what was moved from is wiped") {
  Key first = key_of(counting(32));
  Key second = std::move(first);
  CHECK(first.is_zero());  // NOLINT(bugprone-use-after-move): that is the point
  CHECK(second == key_of(counting(32)));

  Key third;
  third = std::move(second);
  CHECK(second.is_zero());  // NOLINT(bugprone-use-after-move)
  CHECK(third == key_of(counting(32)));
}

TEST_CASE("Secret: assigned to itself it stays") {
  Key key = key_of(counting(32));
  Key& same = key;
  key = std::move(same);
  CHECK(key == key_of(counting(32)));
}

TEST_CASE("Secret: equality sees every byte") {
  const Key key = key_of(counting(32));
  for (std::size_t i = 0; i < 32; ++i) {
    Key other = key.clone();
    other.expose_mutable()[i] ^= 0x80;
    CHECK_FALSE(other == key);
  }
}

TEST_CASE("Secret: starts as zeroes and wipes to them") {
  Key key;
  CHECK(key.is_zero());
  key = key_of(counting(32));
  CHECK_FALSE(key.is_zero());
  key.wipe();
  CHECK(key.is_zero());
}

TEST_CASE("Secret: a destroyed one leaves nothing behind") {
  alignas(Key) std::array<std::uint8_t, sizeof(Key)> place{};
  Key* key = new (place.data()) Key(key_of(counting(32)));
  CHECK_FALSE(key->is_zero());
  key->~Key();
  CHECK(place == std::array<std::uint8_t, sizeof(Key)>{});
}

}  // namespace xm
