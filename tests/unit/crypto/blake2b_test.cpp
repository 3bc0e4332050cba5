#include "agent/crypto/blake2b.hpp"

#include <doctest/doctest.h>

#include "tests/unit/crypto/vectors.hpp"

namespace xm {

using test::counting;
using test::to_hex;

namespace {
const test::Buffer kAbc{'a', 'b', 'c'};
}  // namespace

// Expected values: Python's hashlib.blake2b with the same digest sizes and keys.
TEST_CASE("blake2b: 32 bytes of output, unkeyed and keyed") {
  CHECK(to_hex(blake2b({})) == "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
  CHECK(to_hex(blake2b({kAbc})) ==
        "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
  CHECK(to_hex(blake2b_key(counting(64), {kAbc}).expose()) ==
        "dff38c978666dff5631db35ca15535520d134f5c8060ea569c6a178ad393719f");
}

TEST_CASE("blake2b: a mac has 16 bytes of its own, not the first of 32") {
  CHECK(to_hex(blake2b_mac(counting(32), {kAbc})) == "1a64be47e4729d951c302ee543f97cf3");
}

TEST_CASE("blake2b: parts are hashed as if they stood in a row") {
  const auto all = test::noise(300, 5);
  const Bytes bytes(all);
  CHECK(blake2b({bytes.first(1), bytes.subspan(1, 127), {}, bytes.subspan(128)}) ==
        blake2b({bytes}));
}

TEST_CASE("blake2b: without a key, keyed mode is the hash") {
  CHECK(to_hex(blake2b_key({}, {kAbc}).expose()) == to_hex(blake2b({kAbc})));
}

}  // namespace xm
