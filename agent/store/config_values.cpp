// The values that only a configuration spells: hosts with ports, seeds, WireGuard keys.
#include <charconv>

#include "agent/crypto/x25519.hpp"
#include "agent/store/config.hpp"

namespace xm {
namespace {

constexpr std::string_view kBase64Digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-' || c == '_';
}

bool is_host_name(std::string_view host) {
  if (host.empty() || host.size() > 253 || host.front() == '.' || host.front() == '-') return false;
  for (const char c : host) {
    if (!is_host_character(c)) return false;
  }
  return true;
}

}  // namespace

std::optional<HostPort> HostPort::parse(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  HostPort parsed;
  const std::string_view digits = text.substr(colon + 1);
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), parsed.port);
  if (error != std::errc{} || end != digits.data() + digits.size() || parsed.port == 0) {
    return std::nullopt;
  }
  std::string_view host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    const auto address = IpAddress::parse(host);
    if (!address || !address->is_v6()) return std::nullopt;
  } else if (!is_host_name(host)) {
    return std::nullopt;
  }
  parsed.host = host;
  return parsed;
}

std::string HostPort::to_string() const {
  const bool bracketed = host.find(':') != std::string::npos;
  return (bracketed ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<Seed> Seed::parse(std::string_view text) {
  Seed seed;
  const std::size_t at = text.find('@');
  if (at != std::string_view::npos) {
    const auto identity = Identity::parse(text.substr(0, at));
    if (!identity) return identity.error();
    seed.identity = identity.value();
    text.remove_prefix(at + 1);
  }
  if (const auto host = HostPort::parse(text)) {
    seed.at = *host;
    return seed;
  }
  if (IpAddress::parse(text)) {
    return Error{"expected a port behind the address " + std::string(text)};
  }
  // Without a dot it would be anything that somebody mistyped, an identity for one.
  if (text.find('.') == std::string_view::npos || !is_host_name(text)) {
    return Error{"expected a host and a port, or a domain with SRV records, got '" +
                 std::string(text) + "'"};
  }
  seed.at.host = text;
  return seed;
}

std::string Seed::to_string() const {
  const std::string where = at.port == 0 ? at.host : at.to_string();
  return identity ? identity->to_string() + "@" + where : where;
}

bool decode_wireguard_key(std::string_view text, MutableBytes key) {
  constexpr std::size_t kDigits = 43;  // and one "="
  if (text.size() != kDigits + 1 || text.back() != '=' || key.size() != 32) return false;
  std::uint32_t held = 0;
  unsigned bits = 0;
  std::size_t written = 0;
  for (const char c : text.substr(0, kDigits)) {
    const std::size_t digit = kBase64Digits.find(c);
    if (digit == std::string_view::npos) return false;
    held = (held << 6 | static_cast<std::uint32_t>(digit)) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    key[written++] = static_cast<std::uint8_t>(held >> bits);
  }
  return (held & ((1U << bits) - 1)) == 0;
}

Status check_static_key(const Key& private_key, const SigningKey& identity) {
  if (public_key(private_key) == public_key(x25519_of(identity))) return {};
  return Error{
      "the private key is not the identity's, but in a mesh everyone computes this node's "
      "WireGuard "
      "key from its identity: take private_key_file out, or use the interface without a mesh"};
}

}  // namespace xm
