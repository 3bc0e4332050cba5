#include "agent/crypto/key_cache.hpp"

#include <doctest/doctest.h>

#include <memory>

#include "tests/unit/crypto/vectors.hpp"

namespace xm {
namespace {

using Value = std::shared_ptr<int>;  // counts who still holds it

Key key_number(std::uint8_t number) {
  Key key;
  key.expose_mutable()[31] = number;
  return key;
}
Instant at(std::int64_t seconds) {
  return Instant{1} + std::chrono::seconds(seconds);
}

}  // namespace

TEST_CASE("key cache: finds what was inserted, under its key alone") {
  KeyCache<Value, 4> cache;
  CHECK(cache.find(key_number(1), at(0)) == nullptr);
  CHECK(cache.find(Key{}, at(0)) == nullptr);  // an empty entry has no key
  *cache.insert(key_number(1), std::make_shared<int>(10), at(0)) += 1;
  cache.insert(Key{}, std::make_shared<int>(20), at(0));
  REQUIRE(cache.find(key_number(1), at(1)) != nullptr);
  CHECK(**cache.find(key_number(1), at(1)) == 11);
  CHECK(**cache.find(Key{}, at(1)) == 20);
  CHECK(cache.find(key_number(2), at(1)) == nullptr);
}

TEST_CASE("key cache: the least recently used gives way, and is let go") {
  KeyCache<Value, 3> cache;
  std::vector<Value> values;
  for (std::uint8_t i = 0; i < 3; ++i) {
    values.push_back(std::make_shared<int>(i));
    cache.insert(key_number(i), values.back(), at(i));
  }
  CHECK(cache.find(key_number(0), at(5)) != nullptr);
  cache.insert(key_number(3), std::make_shared<int>(3), at(6));
  CHECK(cache.find(key_number(1), at(7)) == nullptr);
  CHECK(values[1].use_count() == 1);
  for (const std::uint8_t kept : {std::uint8_t{0}, std::uint8_t{2}, std::uint8_t{3}})
    CHECK(cache.find(key_number(kept), at(7)) != nullptr);
}

TEST_CASE("key cache: what is idle for as long as a session lives leaves at the next call") {
  KeyCache<Value, 3> cache;
  const auto idle = std::make_shared<int>(1);
  cache.insert(key_number(1), idle, at(0));
  cache.insert(key_number(2), std::make_shared<int>(2), at(0));
  CHECK(cache.find(key_number(2), at(100)) != nullptr);
  CHECK(idle.use_count() == 2);
  CHECK(cache.find(key_number(2), at(180)) != nullptr);
  CHECK(idle.use_count() == 1);
  CHECK(cache.find(key_number(1), at(180)) == nullptr);
  CHECK(cache.find(key_number(2), at(360)) == nullptr);
}

TEST_CASE("key cache: erase lets go of one") {
  KeyCache<Value, 2> cache;
  const auto value = std::make_shared<int>(1);
  cache.insert(key_number(1), value, at(0));
  cache.erase(key_number(2));
  CHECK(cache.find(key_number(1), at(0)) != nullptr);
  cache.erase(key_number(1));
  CHECK(cache.find(key_number(1), at(0)) == nullptr);
  CHECK(value.use_count() == 1);
}

}  // namespace xm
