// Who a node is: an Ed25519 key. Its X25519 form is the node's WireGuard key, so that an identity
// alone suffices to reach a node, to know it, and to shake hands with it.
//
// As text: a prefix that says whose key it is, then base32 of the key and of four bytes of
// checksum: 61 characters, which fit a DNS label. The "1" in the prefix is the version of the form.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "agent/crypto/secret.hpp"
#include "agent/crypto/sign.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// Whose key: these never stand for each other.
enum class KeyKind : std::uint8_t {
  node,          // xm1…
  organisation,  // xo1…
  delegate,      // xd1…
};
// "node", "organisation", "delegate".
[[nodiscard]] std::string_view key_kind_name(KeyKind kind);

// "xm1…", "xo1…" or "xd1…" for a key.
[[nodiscard]] std::string key_text(KeyKind kind, const VerifyKey& key);
// The reverse. Refuses another kind, a wrong length or checksum, an unknown version, and a key that
// is_valid_verify_key() refuses; says which it was.
[[nodiscard]] Result<VerifyKey> parse_key_text(KeyKind kind, std::string_view text);
// Which kind a text claims to be by its prefix, without judging the rest.
[[nodiscard]] std::optional<KeyKind> key_kind_of(std::string_view text);

// A node's. Ordered by its bytes. One made of foreign bytes may be no key at all: verifying with it
// fails, wireguard_key() gives nothing.
struct Identity {
  VerifyKey key{};

  [[nodiscard]] static Identity of(const SigningKey& signing) { return {verify_key(signing)}; }
  [[nodiscard]] static Result<Identity> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const { return key_text(KeyKind::node, key); }
  // The first 13 characters: for people, never for deciding.
  [[nodiscard]] std::string short_text() const { return to_string().substr(0, 13); }
  [[nodiscard]] std::optional<PublicKey> wireguard_key() const { return x25519_of(key); }

  friend auto operator<=>(const Identity&, const Identity&) = default;
};

}  // namespace xm
