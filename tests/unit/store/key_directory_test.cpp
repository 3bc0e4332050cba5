#include "agent/store/key_directory.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "tests/support/temporary_directory.hpp"
#include "tests/unit/mesh/trust_samples.hpp"

namespace xm {
namespace {

using test::identity_number;
using test::key_number;
using test::kNow;
using test::TemporaryDirectory;

bool says(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}
mode_t mode_of(const std::string& path) {
  struct stat found {};
  REQUIRE(::stat(path.c_str(), &found) == 0);
  return found.st_mode & 07777U;
}
TrustEntry node_entry(std::uint8_t number, Grants grants = {}) {
  return {.kind = KeyKind::node,
          .key = test::public_number(number),
          .label = "node",
          .grants = std::move(grants)};
}
TrustStore loaded(const KeyDirectory& keys) {
  TrustStore store;
  const auto faults = store.load(keys.load_trust());
  CHECK(faults.empty());
  return store;
}
bool is_member(const KeyDirectory& keys, std::uint8_t number) {
  return loaded(keys).decide(test::bare_record(number), nullptr, kNow).member;
}

}  // namespace

TEST_CASE("key directory: root's is in /etc, others' where XDG says") {
  std::map<std::string, std::string> variables;
  const auto environment = [&](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
  CHECK(KeyDirectory::default_path(true, environment).value() == "/etc/xdp-mesh");
  CHECK_FALSE(KeyDirectory::default_path(false, environment).ok());
  variables["HOME"] = "/home/a";
  CHECK(KeyDirectory::default_path(false, environment).value() == "/home/a/.config/xdp-mesh");
  variables["XDG_CONFIG_HOME"] = "/x";
  CHECK(KeyDirectory::default_path(false, environment).value() == "/x/xdp-mesh");
}

TEST_CASE("key directory: a key is private, comes back, and is never overwritten") {
  const TemporaryDirectory directory;
  const KeyDirectory keys(directory / "keys");
  CHECK(says(keys.load_key(KeyKind::node).error().what, "make one: xdp-mesh keygen"));
  REQUIRE(keys.put_key(KeyKind::node, key_number(1)).ok());
  CHECK(mode_of(keys.path()) == 0700);
  CHECK(mode_of(keys.path() + "/node.key") == 0600);
  CHECK(keys.load_key(KeyKind::node).value() == key_number(1));
  CHECK(says(keys.put_key(KeyKind::node, key_number(2)).error().what, "it stays"));
  CHECK(keys.load_key(KeyKind::node).value() == key_number(1));
  REQUIRE(keys.put_key(KeyKind::organisation, key_number(3)).ok());
  CHECK(keys.load_key(KeyKind::organisation).value() == key_number(3));
}

TEST_CASE("key directory: looser permissions are refused with the command that mends them") {
  const TemporaryDirectory directory;
  const KeyDirectory keys(directory / "keys");
  REQUIRE(keys.put_key(KeyKind::node, key_number(1)).ok());
  REQUIRE(::chmod((keys.path() + "/node.key").c_str(), 0640) == 0);
  CHECK(says(keys.load_key(KeyKind::node).error().what, "chmod 600 " + keys.path() + "/node.key"));
  REQUIRE(::chmod((keys.path() + "/node.key").c_str(), 0600) == 0);
  REQUIRE(::chmod(keys.path().c_str(), 0770) == 0);
  CHECK(says(keys.load_key(KeyKind::node).error().what, "chmod go-w " + keys.path()));
}

TEST_CASE("key directory: a key file with a fault is named with its line") {
  const TemporaryDirectory directory;
  const KeyDirectory keys(directory.path());
  REQUIRE(keys.put_key(KeyKind::node, key_number(1)).ok());
  std::filesystem::resize_file(keys.path() + "/node.key", 20);
  CHECK(says(keys.load_key(KeyKind::node).error().what, keys.path() + "/node.key: line "));
}

TEST_CASE("key directory: whom it trusts comes and goes") {
  const TemporaryDirectory directory;
  const KeyDirectory keys(directory / "keys");
  CHECK(loaded(keys).is_empty());
  REQUIRE(keys.put_trust(node_entry(1, test::sample_grants())).ok());
  REQUIRE(keys.put_trust(node_entry(2)).ok());
  CHECK(is_member(keys, 1));
  CHECK(is_member(keys, 2));
  CHECK_FALSE(is_member(keys, 3));
  CHECK(keys.remove_trust(KeyKind::node, test::public_number(1)).value());
  CHECK_FALSE(keys.remove_trust(KeyKind::node, test::public_number(1)).value());
  CHECK_FALSE(is_member(keys, 1));
  CHECK(is_member(keys, 2));
}

TEST_CASE("key directory: a key is taken out of a file with others, which stay") {
  const TemporaryDirectory directory;
  const KeyDirectory keys(directory / "keys");
  REQUIRE(keys.create().ok());
  std::ofstream(keys.path() + "/authorized_keys/team")
      << trust_text({node_entry(1), node_entry(2, test::sample_grants())});
  CHECK(keys.remove_trust(KeyKind::node, test::public_number(1)).value());
  CHECK_FALSE(is_member(keys, 1));
  CHECK(is_member(keys, 2));
  CHECK(loaded(keys).decide(test::sample_record(2), nullptr, kNow).subnets.size() == 1);
  // To trust it anew replaces what was said of it there.
  REQUIRE(keys.put_trust(node_entry(2)).ok());
  CHECK(loaded(keys).decide(test::sample_record(2), nullptr, kNow).subnets.empty());
}

TEST_CASE("key directory: a denial shuts out until the node is trusted again") {
  const TemporaryDirectory directory;
  const KeyDirectory keys(directory / "keys");
  REQUIRE(keys.put_trust(node_entry(1)).ok());
  REQUIRE(keys.put_denial(identity_number(1)).ok());
  CHECK_FALSE(is_member(keys, 1));
  REQUIRE(keys.put_trust(node_entry(1)).ok());
  CHECK(is_member(keys, 1));
}

TEST_CASE("key directory: chains and revocations come back") {
  const TemporaryDirectory directory;
  const KeyDirectory keys(directory / "keys");
  CHECK_FALSE(keys.load_chain(KeyKind::node).value().has_value());
  REQUIRE(keys.put_chain(KeyKind::node, test::delegated_chain()).ok());
  const auto chain = keys.load_chain(KeyKind::node);
  REQUIRE(chain.value().has_value());
  CHECK(encode_chain(*chain.value()) == encode_chain(test::delegated_chain()));

  REQUIRE(keys.put_trust({.kind = KeyKind::organisation,
                          .key = test::public_number(test::kOrganisation),
                          .label = "acme",
                          .grants = {}})
              .ok());
  CHECK(loaded(keys).decide(test::bare_record(), &*chain.value(), kNow).member);
  REQUIRE(keys.put_revocation(test::revocation_of(test::kDelegate)).ok());
  CHECK_FALSE(loaded(keys).decide(test::bare_record(), &*chain.value(), kNow).member);
}

TEST_CASE("key directory: what cannot be read takes trust away and is reported") {
  const TemporaryDirectory directory;
  const KeyDirectory keys(directory / "keys");
  REQUIRE(keys.put_trust(node_entry(1)).ok());
  REQUIRE(keys.put_trust(node_entry(2)).ok());
  const std::string file = keys.path() + "/authorized_keys/" + identity_number(1).to_string();
  REQUIRE(::chmod(file.c_str(), 0666) == 0);
  TrustStore store;
  const auto faults = store.load(keys.load_trust());
  REQUIRE(faults.size() == 1);
  CHECK(says(faults[0], "chmod go-w " + file));
  CHECK_FALSE(store.is_authorized(identity_number(1)));
  CHECK(store.is_authorized(identity_number(2)));
  // A whole folder in which others may write says nothing at all.
  REQUIRE(::chmod((keys.path() + "/authorized_keys").c_str(), 0777) == 0);
  CHECK(store.load(keys.load_trust()).size() == 1);
  CHECK(store.is_empty());
}

TEST_CASE("key directory: a certificate's text says what is in it") {
  const std::string text = certificate_text(test::direct_chain().member, std::nullopt);
  CHECK(says(text, "# member      " + identity_number(1).to_string()));
  CHECK(says(text, "# subnet      192.168.0.0/16"));
  CHECK(says(text, "# expires     2027-02-14 08:00:00 UTC"));
  CHECK(utc_text(kNow) == "2027-01-15 08:00:00 UTC");
}

}  // namespace xm
