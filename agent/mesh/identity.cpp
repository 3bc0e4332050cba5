#include "agent/mesh/identity.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "agent/crypto/blake2b.hpp"
#include "agent/mesh/base32.hpp"
#include "agent/mesh/byte_codec.hpp"

namespace xm {
namespace {

constexpr std::size_t kPrefixSize = 3;
constexpr std::size_t kChecksumSize = 4;
constexpr std::size_t kTextSize = kPrefixSize + ((32 + kChecksumSize) * 8 + 4) / 5;

struct Form {
  KeyKind kind;
  std::string_view prefix;
  std::string_view name;
};
constexpr std::array<Form, 3> kForms{{
    {KeyKind::node, "xm1", "node"},
    {KeyKind::organisation, "xo1", "organisation"},
    {KeyKind::delegate, "xd1", "delegate"},
}};

const Form& form_of(KeyKind kind) {
  return kForms[static_cast<std::size_t>(kind)];
}

// Over the prefix too: a key does not become another kind's by a change of one letter.
Hash checksum(std::string_view prefix, const VerifyKey& key) {
  return blake2b({bytes_of("xdp-mesh key text"), bytes_of(prefix), key});
}

Error not_a_key(const Form& form, const std::string& why) {
  return {"expected a key of the kind \"" + std::string(form.name) + "\", " +
          std::string(form.prefix) + "… with " + std::to_string(kTextSize) + " characters: " + why};
}

// Why a text without this form's prefix is none of its keys.
std::string wrong_prefix(std::string_view text) {
  if (const auto other = key_kind_of(text)) {
    return "this is one of the kind \"" + std::string(key_kind_name(*other)) + "\"";
  }
  const bool known_letters =
      text.size() >= 2 &&
      (text.substr(0, 2) == "xm" || text.substr(0, 2) == "xo" || text.substr(0, 2) == "xd");
  if (known_letters) return "its version is not 1: a newer xdp-mesh may have written it";
  return "this does not begin so";
}

}  // namespace

std::string_view key_kind_name(KeyKind kind) {
  return form_of(kind).name;
}

std::string key_text(KeyKind kind, const VerifyKey& key) {
  const Form& form = form_of(kind);
  std::array<std::uint8_t, 32 + kChecksumSize> raw{};
  std::copy(key.begin(), key.end(), raw.begin());
  std::copy_n(checksum(form.prefix, key).begin(), kChecksumSize, raw.begin() + 32);
  return std::string(form.prefix) + to_base32(raw);
}

std::optional<KeyKind> key_kind_of(std::string_view text) {
  for (const Form& form : kForms) {
    if (text.substr(0, kPrefixSize) == form.prefix) return form.kind;
  }
  return std::nullopt;
}

Result<VerifyKey> parse_key_text(KeyKind kind, std::string_view text) {
  const Form& form = form_of(kind);
  if (text.substr(0, kPrefixSize) != form.prefix) return not_a_key(form, wrong_prefix(text));
  if (text.size() != kTextSize) {
    return not_a_key(form, "this has " + std::to_string(text.size()));
  }
  const auto raw = from_base32(text.substr(kPrefixSize));
  if (!raw) return not_a_key(form, "expected only a to z and 2 to 7 after the prefix");
  VerifyKey key;
  std::copy_n(raw->begin(), key.size(), key.begin());
  const Hash expected = checksum(form.prefix, key);
  if (!std::equal(raw->begin() + 32, raw->end(), expected.begin())) {
    return not_a_key(form, "its checksum is wrong, so a character is: copy it again");
  }
  if (!is_valid_verify_key(key)) {
    return not_a_key(form, "these bytes are no Ed25519 key that anyone can have");
  }
  return key;
}

Result<Identity> Identity::parse(std::string_view text) {
  auto key = parse_key_text(KeyKind::node, text);
  if (!key) return key.error();
  return Identity{*key};
}

}  // namespace xm
