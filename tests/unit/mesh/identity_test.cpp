#include "agent/mesh/identity.hpp"

#include <doctest/doctest.h>

#include "agent/crypto/x25519.hpp"
#include "tests/unit/mesh/golden.hpp"
#include "tests/unit/mesh/samples.hpp"

namespace xm {
namespace {

std::string fault(const std::string& text) {
  const auto parsed = Identity::parse(text);
  return parsed.ok() ? "" : parsed.error().what;
}

}  // namespace

TEST_CASE("identity: its text is what a released version wrote") {
  CHECK(test::identity_number(1).to_string() == test::golden("identity.txt"));
  CHECK(key_text(KeyKind::organisation, verify_key(test::key_number(1))) ==
        test::golden("organisation.txt"));
  CHECK(key_text(KeyKind::delegate, verify_key(test::key_number(1))) ==
        test::golden("delegate.txt"));
}

TEST_CASE("identity: its text has 61 characters, fits a DNS label, and comes back") {
  for (std::uint8_t number = 1; number < 50; ++number) {
    const Identity identity = test::identity_number(number);
    const std::string text = identity.to_string();
    CHECK(text.size() == 61);
    CHECK(text.find_first_not_of("abcdefghijklmnopqrstuvwxyz1234567") == std::string::npos);
    const auto back = Identity::parse(text);
    REQUIRE(back.ok());
    CHECK(back.value() == identity);
  }
}

TEST_CASE("identity: a wrong character anywhere is noticed") {
  const std::string text = test::identity_number(9).to_string();
  for (std::size_t i = 0; i < text.size(); ++i) {
    CAPTURE(i);
    std::string changed = text;
    changed[i] = changed[i] == 'q' ? 'r' : 'q';
    CHECK_FALSE(Identity::parse(changed).ok());
  }
}

TEST_CASE("identity: errors say what came instead") {
  const std::string text = test::identity_number(9).to_string();
  CHECK(fault("").find("does not begin so") != std::string::npos);
  CHECK(fault("xm2" + text.substr(3)).find("its version is not 1") != std::string::npos);
  CHECK(fault(text.substr(0, 60)).find("this has 60") != std::string::npos);
  CHECK(fault(text + "a").find("this has 62") != std::string::npos);
  CHECK(fault("xm1A" + text.substr(4)).find("only a to z") != std::string::npos);
  CHECK(fault(key_text(KeyKind::organisation, {})).find("of the kind \"organisation\"") !=
        std::string::npos);
  CHECK(fault(key_text(KeyKind::node, {})).find("no Ed25519 key") != std::string::npos);
}

TEST_CASE("identity: a key of one kind never passes for another's") {
  const std::string text = key_text(KeyKind::delegate, verify_key(test::key_number(4)));
  CHECK(parse_key_text(KeyKind::delegate, text).ok());
  CHECK_FALSE(parse_key_text(KeyKind::organisation, text).ok());
  CHECK_FALSE(parse_key_text(KeyKind::organisation, "xo1" + text.substr(3)).ok());
  CHECK(key_kind_of(text) == KeyKind::delegate);
  CHECK(key_kind_of("wg0") == std::nullopt);
}

TEST_CASE("identity: the WireGuard key is the X25519 form of the same key") {
  const Identity identity = test::identity_number(3);
  CHECK(identity.wireguard_key() == public_key(x25519_of(test::key_number(3))));
  CHECK(Identity{}.wireguard_key() == std::nullopt);
}

}  // namespace xm
