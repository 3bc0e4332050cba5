#include "agent/crypto/aead.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "agent/crypto/aead_engines.hpp"
#include "tests/unit/crypto/vectors.hpp"

namespace xm {
namespace {

bool is_available(AeadKind kind) {
  const auto kinds = available_aead_kinds();
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

}  // namespace

TEST_CASE("aead: names read back, and nothing else is one") {
  for (const AeadKind kind : kAeadKinds) {
    CHECK(parse_aead_name(aead_name(kind)) == kind);
  }
  CHECK_FALSE(parse_aead_name("").has_value());
  CHECK_FALSE(parse_aead_name("IPSEC-MB").has_value());
  CHECK_FALSE(parse_aead_name("libsodium ").has_value());
}

TEST_CASE("aead: libsodium is always there, and every kind works or says why not") {
  CHECK(is_available(AeadKind::libsodium));
  for (const AeadKind kind : kAeadKinds) {
    auto engine = make_aead_engine(kind);
    CHECK(engine.ok() == is_available(kind));
    if (engine.ok()) {
      CHECK((*engine)->description().starts_with(aead_name(kind)));
    } else {
      CHECK(engine.error().what.find(aead_name(kind)) != std::string::npos);
      CHECK(engine.error().what.find("libsodium") != std::string::npos);
    }
  }
}

TEST_CASE("aead: the measured choice can run, and gives its figures as the reason") {
  const AeadChoice choice = measure_aead_engines();
  CHECK(is_available(choice.small));
  CHECK(is_available(choice.large));
  CHECK(choice.reason.starts_with("measured: 64 B "));
  CHECK(choice.reason.find("; 1424 B ") != std::string::npos);
  for (const AeadKind kind : available_aead_kinds()) {
    CHECK(choice.reason.find(aead_name(kind)) != std::string::npos);
  }
  CHECK(make_chosen_engine(choice).ok());
}

TEST_CASE("aead: a chosen engine shows both of its parts, or the one it is") {
  AeadChoice choice;
  auto one = make_chosen_engine(choice);
  REQUIRE(one.ok());
  CHECK((*one)->description() == "libsodium");

  if (!is_available(AeadKind::openssl)) return;
  choice.large = AeadKind::openssl;
  auto two = make_chosen_engine(choice);
  REQUIRE(two.ok());
  CHECK((*two)->description() == "libsodium up to 256 B, openssl above");
}

TEST_CASE("aead: a seal that failed leaves no plaintext to be sent") {
  test::Buffer buffer = test::noise(64 + kAeadTagSize + 1, 1);
  const std::uint8_t behind = buffer.back();
  blank_sealed(AeadJob{.in = buffer.data(), .out = buffer.data(), .length = 64});
  CHECK(std::all_of(buffer.begin(), buffer.end() - 1, [](std::uint8_t byte) { return byte == 0; }));
  CHECK(buffer.back() == behind);
}

}  // namespace xm
