#include "agent/mesh/trust_text.hpp"

#include <algorithm>

#include "agent/mesh/names.hpp"
#include "agent/mesh/text_lines.hpp"

namespace xm {
namespace {

constexpr std::size_t kMaxLabel = 64;

// Why the line is none of an entry's; empty when it was taken into it.
std::string take_line(const TextLine& line, TrustEntry& entry) {
  const std::string value(line.value);
  if (line.keyword == "label") {
    if (!is_label(value)) return "expected a label of at most 64 printable characters";
    entry.label = value;
    return {};
  }
  if (line.keyword != "name" && line.keyword != "address" && line.keyword != "subnet") {
    return "expected key, label, name, address or subnet";
  }
  entry.has_grants = true;
  if (line.keyword == "name") {
    if (!is_name_pattern(value)) {
      return "expected a name in lower case, or the beginning of one and \"*\"";
    }
    entry.grants.names.push_back(value);
    return {};
  }
  const auto prefix = Prefix::parse_exact(value);
  if (!prefix) return "expected an address, or a prefix without host bits as in 192.168.4.0/24";
  (line.keyword == "subnet" ? entry.grants.subnets : entry.grants.addresses).push_back(*prefix);
  return {};
}

}  // namespace

bool is_label(std::string_view label) {
  return label.size() <= kMaxLabel &&
         std::all_of(label.begin(), label.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

std::string trust_text(const std::vector<TrustEntry>& entries) {
  std::string text = "xdp-mesh-trust 1\n";
  for (const TrustEntry& entry : entries) {
    text += "key " + key_text(entry.kind, entry.key) + "\n";
    if (!entry.label.empty()) text += "label " + entry.label + "\n";
    for (const std::string& name : entry.grants.names) text += "name " + name + "\n";
    for (const Prefix& prefix : entry.grants.addresses)
      text += "address " + prefix.to_string() + "\n";
    for (const Prefix& prefix : entry.grants.subnets) text += "subnet " + prefix.to_string() + "\n";
  }
  return text;
}

Result<std::vector<TrustEntry>> parse_trust(KeyKind kind, std::string_view text) {
  TextLines lines(text);
  if (const Status first = take_first_line(lines, "trust"); !first) return first.error();
  std::vector<TrustEntry> entries;
  while (const auto line = lines.next()) {
    if (line->keyword == "key") {
      const auto key = parse_key_text(kind, line->value);
      if (!key) return line_error(line->number, key.error().what);
      entries.push_back({.kind = kind, .key = key.value(), .label = {}, .grants = {}});
      continue;
    }
    if (entries.empty()) return line_error(line->number, "expected \"key …\" before anything else");
    if (const std::string why = take_line(*line, entries.back()); !why.empty()) {
      return line_error(line->number, why);
    }
  }
  return entries;
}

std::string denial_text(const std::vector<Identity>& denied) {
  std::string text = "xdp-mesh-denial 1\n";
  for (const Identity& identity : denied) text += "key " + identity.to_string() + "\n";
  return text;
}

Result<std::vector<Identity>> parse_denial(std::string_view text) {
  TextLines lines(text);
  if (const Status first = take_first_line(lines, "denial"); !first) return first.error();
  std::vector<Identity> denied;
  while (const auto line = lines.next()) {
    if (line->keyword != "key") return line_error(line->number, "expected \"key xm1…\"");
    const auto identity = Identity::parse(line->value);
    if (!identity) return line_error(line->number, identity.error().what);
    denied.push_back(identity.value());
  }
  return denied;
}

}  // namespace xm
