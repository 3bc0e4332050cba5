#include "agent/mesh/key_file.hpp"

#include <array>
#include <string>

#include "agent/crypto/blake2b.hpp"
#include "agent/mesh/base32.hpp"
#include "agent/mesh/byte_codec.hpp"
#include "agent/mesh/text_lines.hpp"

namespace xm {
namespace {

constexpr std::size_t kChecksumSize = 8;

std::string checksum(KeyKind kind, const Key& seed) {
  const Key hash = blake2b_key(
      {}, {bytes_of("xdp-mesh key file"), bytes_of(key_kind_name(kind)), seed.expose()});
  return to_base32(hash.expose().first<kChecksumSize>());
}

// The value of the next line, which must have this keyword.
Result<TextLine> take(TextLines& lines, std::string_view keyword, unsigned after) {
  const auto line = lines.next();
  const std::string expected = "expected a line \"" + std::string(keyword) + " …\"";
  if (!line) return line_error(after, expected + " after it: the end of the file is missing");
  if (line->keyword != keyword || line->value.empty()) return line_error(line->number, expected);
  return *line;
}

}  // namespace

SecretText key_file_text(KeyKind kind, const SigningKey& key) {
  const Key seed = seed_of(key);
  SecretText text;
  text.reserve(512);  // one piece of memory, so that growing leaves no copy
  text += "xdp-mesh-key 1\n# Who has this file is this ";
  text += key_kind_name(kind);
  text += ". Nobody else may read it.\nkind ";
  text += key_kind_name(kind);
  text += "\npublic ";
  text += key_text(kind, verify_key(key));
  text += "\nseed ";
  append_base32(text, seed.expose());
  text += "\nchecksum ";
  text += checksum(kind, seed);
  text += "\n";
  return text;
}

Result<SigningKey> parse_key_file(KeyKind kind, std::string_view text) {
  TextLines lines(text);
  if (const Status first = take_first_line(lines, "key"); !first) return first.error();
  auto kind_line = take(lines, "kind", 1);
  if (!kind_line) return kind_line.error();
  if (kind_line->value != key_kind_name(kind)) {
    return line_error(kind_line->number,
                      "expected the key of the kind \"" + std::string(key_kind_name(kind)) + "\"");
  }
  auto public_line = take(lines, "public", kind_line->number);
  if (!public_line) return public_line.error();
  auto seed_line = take(lines, "seed", public_line->number);
  if (!seed_line) return seed_line.error();
  Key seed;
  if (!decode_base32(seed_line->value, seed.expose_mutable())) {
    return line_error(seed_line->number, "expected 52 characters of a to z and 2 to 7");
  }
  auto sum_line = take(lines, "checksum", seed_line->number);
  if (!sum_line) return sum_line.error();
  if (!equal_constant_time(bytes_of(sum_line->value), bytes_of(checksum(kind, seed)))) {
    return line_error(sum_line->number,
                      "the checksum is wrong, so the seed is: restore the file from a copy");
  }
  if (const auto more = lines.next()) {
    return line_error(more->number, "expected nothing after the checksum");
  }
  SigningKey key = signing_key(seed);
  if (public_line->value != key_text(kind, verify_key(key))) {
    return line_error(public_line->number, "expected the public key that belongs to the seed");
  }
  return key;
}

}  // namespace xm
