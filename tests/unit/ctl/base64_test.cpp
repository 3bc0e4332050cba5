#include "agent/ctl/base64.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>

namespace xm {

TEST_CASE("base64: the vectors of RFC 4648, 10") {
  const auto encode = [](const std::string& text) {
    return to_base64({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  };
  CHECK(encode("").empty());
  CHECK(encode("f") == "Zg==");
  CHECK(encode("fo") == "Zm8=");
  CHECK(encode("foo") == "Zm9v");
  CHECK(encode("foob") == "Zm9vYg==");
  CHECK(encode("fooba") == "Zm9vYmE=");
  CHECK(encode("foobar") == "Zm9vYmFy");
}

TEST_CASE("base64: a key as wg shows it") {
  std::array<std::uint8_t, 32> key;
  key.fill(0xff);
  CHECK(to_base64(key) == "//////////////////////////////////////////8=");
}

}  // namespace xm
