#include "agent/mesh/base32.hpp"

#include <doctest/doctest.h>

#include "agent/mesh/byte_codec.hpp"
#include "tests/unit/crypto/vectors.hpp"

namespace xm {

TEST_CASE("base32: RFC 4648, 10, in lower case and without padding") {
  for (const auto& [plain, text] :
       std::vector<std::pair<std::string, std::string>>{{"", ""},
                                                        {"f", "my"},
                                                        {"fo", "mzxq"},
                                                        {"foo", "mzxw6"},
                                                        {"foob", "mzxw6yq"},
                                                        {"fooba", "mzxw6ytb"},
                                                        {"foobar", "mzxw6ytboi"}}) {
    CHECK(to_base32(bytes_of(plain)) == text);
    const auto back = from_base32(text);
    REQUIRE(back.has_value());
    CHECK(std::string(back->begin(), back->end()) == plain);
  }
}

TEST_CASE("base32: bytes of every length come back") {
  for (std::size_t size = 0; size < 100; ++size) {
    const auto bytes = test::noise(size, static_cast<std::uint32_t>(size));
    CHECK(from_base32(to_base32(bytes)) == bytes);
  }
}

TEST_CASE("base32: what nobody writes is refused, so that a value has one spelling") {
  for (const char* text :
       {"MY", "m1", "m8", "my=", "my ", "mz", "m", "mzx", "mzxw6y", "mzxw6ytbo", "mzxw6yr"}) {
    CAPTURE(text);
    CHECK_FALSE(from_base32(text).has_value());
  }
}

}  // namespace xm
