// Project Wycheproof's files, read from the folder that XDPMESH_WYCHEPROOF names.
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "agent/crypto/aead.hpp"
#include "agent/crypto/chacha.hpp"
#include "agent/crypto/sign.hpp"
#include "agent/crypto/x25519.hpp"
#include "tests/support/skip.hpp"
#include "tests/unit/crypto/vectors.hpp"

namespace xm {
namespace {

using nlohmann::json;
using test::array_of;
using test::Buffer;
using test::from_hex;
using test::key_of;

std::optional<std::string> folder() {
  const char* named = std::getenv("XDPMESH_WYCHEPROOF");  // NOLINT(concurrency-mt-unsafe)
  if (named == nullptr || *named == '\0') return std::nullopt;
  return named;
}

json read_file(const std::string& path) {
  std::ifstream file(path);
  REQUIRE_MESSAGE(file.is_open(), path << " cannot be opened");
  return json::parse(file);
}

Buffer hex_field(const json& test, const char* name) {
  return from_hex(test.at(name).get<std::string>());
}

bool is_valid(const json& test) {
  return test.at("result").get<std::string>() == "valid";
}

// Calls `check` with every test of the file; the file says how many there are.
void for_each_test(const std::string& path, const std::function<void(const json&)>& check) {
  const json file = read_file(path);
  std::size_t seen = 0;
  for (const json& group : file.at("testGroups")) {
    for (const json& test : group.at("tests")) {
      CAPTURE(test.at("tcId").get<int>());
      check(test);
      ++seen;
    }
  }
  CHECK(seen == file.at("numberOfTests").get<std::size_t>());
}

// What an AEAD test holds.
struct AeadTest {
  explicit AeadTest(const json& test)
      : key(key_of(hex_field(test, "key"))),
        nonce(hex_field(test, "iv")),
        aad(hex_field(test, "aad")),
        text(hex_field(test, "msg")),
        sealed(hex_field(test, "ct")),
        valid(is_valid(test)) {
    const Buffer tag = hex_field(test, "tag");
    sealed.insert(sealed.end(), tag.begin(), tag.end());
  }

  // The counter, when the nonce has WireGuard's form: 12 bytes of which the first four are zero.
  [[nodiscard]] std::optional<std::uint64_t> counter() const {
    if (nonce.size() != 12 || load_le32(nonce.data()) != 0) return std::nullopt;
    return load_le64(nonce.data() + 4);
  }

  Key key;
  Buffer nonce;
  Buffer aad;
  Buffer text;
  Buffer sealed;
  bool valid;
};

void check_engines(const AeadTest& test, std::uint64_t counter) {
  for (const AeadKind kind : available_aead_kinds()) {
    auto engine = make_aead_engine(kind);
    REQUIRE(engine.ok());
    Buffer opened(test.text.size());
    AeadJob job{.counter = counter,
                .in = test.sealed.data(),
                .out = opened.data(),
                .length = static_cast<std::uint32_t>(test.sealed.size())};
    (*engine)->open(test.key, {&job, 1});
    CHECK(job.ok == test.valid);
    if (!test.valid) continue;
    CHECK(opened == test.text);
    Buffer sealed(test.sealed.size());
    job = AeadJob{.counter = counter,
                  .in = test.text.data(),
                  .out = sealed.data(),
                  .length = static_cast<std::uint32_t>(test.text.size())};
    (*engine)->seal(test.key, {&job, 1});
    CHECK(sealed == test.sealed);
  }
}

}  // namespace

TEST_CASE("wycheproof: chacha20_poly1305, as far as nonces have WireGuard's form") {
  const auto from = folder();
  if (!from) XM_SKIP("XDPMESH_WYCHEPROOF names no folder of test vectors");
  std::size_t fitting = 0;
  for_each_test(*from + "/chacha20_poly1305_test.json", [&](const json& entry) {
    const AeadTest test(entry);
    const auto counter = test.counter();
    if (!counter) return;
    ++fitting;
    Buffer opened(test.text.size());
    CHECK(open_with_aad(test.key, *counter, test.aad, test.sealed, opened) == test.valid);
    if (test.valid) {
      CHECK(opened == test.text);
      Buffer sealed(test.sealed.size());
      seal_with_aad(test.key, *counter, test.aad, test.text, sealed);
      CHECK(sealed == test.sealed);
    }
    if (test.aad.empty()) check_engines(test, *counter);
  });
  CHECK(fitting > 0);
}

TEST_CASE("wycheproof: xchacha20_poly1305") {
  const auto from = folder();
  if (!from) XM_SKIP("XDPMESH_WYCHEPROOF names no folder of test vectors");
  for_each_test(*from + "/xchacha20_poly1305_test.json", [](const json& entry) {
    const AeadTest test(entry);
    if (test.nonce.size() != XNonce{}.size()) {
      CHECK_FALSE(test.valid);  // a nonce of another size does not fit the interface
      return;
    }
    const XNonce nonce = array_of<24>(test.nonce);
    Buffer opened(test.text.size());
    CHECK(xopen_with_aad(test.key, nonce, test.aad, test.sealed, opened) == test.valid);
    if (!test.valid) return;
    CHECK(opened == test.text);
    Buffer sealed(test.sealed.size());
    xseal_with_aad(test.key, nonce, test.aad, test.text, sealed);
    CHECK(sealed == test.sealed);
  });
}

TEST_CASE("wycheproof: x25519, with a secret of zeroes refused") {
  const auto from = folder();
  if (!from) XM_SKIP("XDPMESH_WYCHEPROOF names no folder of test vectors");
  for_each_test(*from + "/x25519_test.json", [](const json& entry) {
    const Key private_key = key_of(hex_field(entry, "private"));
    const PublicKey peer = array_of<32>(hex_field(entry, "public"));
    const Key expected = key_of(hex_field(entry, "shared"));
    const std::optional<Key> shared = shared_secret(private_key, peer);
    CHECK(shared.has_value() == !expected.is_zero());
    if (shared) CHECK(*shared == expected);
  });
}

TEST_CASE("wycheproof: ed25519") {
  const auto from = folder();
  if (!from) XM_SKIP("XDPMESH_WYCHEPROOF names no folder of test vectors");
  const json file = read_file(*from + "/ed25519_test.json");
  std::size_t seen = 0;
  for (const json& group : file.at("testGroups")) {
    const VerifyKey key = array_of<32>(hex_field(group.at("publicKey"), "pk"));
    for (const json& test : group.at("tests")) {
      CAPTURE(test.at("tcId").get<int>());
      ++seen;
      const Buffer signature = hex_field(test, "sig");
      if (signature.size() != Signature{}.size()) {
        CHECK_FALSE(is_valid(test));  // a signature of another size does not fit the interface
        continue;
      }
      CHECK(verify(key, hex_field(test, "msg"), array_of<64>(signature)) == is_valid(test));
    }
  }
  CHECK(seen == file.at("numberOfTests").get<std::size_t>());
}

}  // namespace xm
