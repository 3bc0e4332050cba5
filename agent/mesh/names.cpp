#include "agent/mesh/names.hpp"

#include <algorithm>

namespace xm {
namespace {

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool has_name_characters(std::string_view name) {
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return is_letter_or_digit(c) || c == '-'; });
}

bool is_open(std::string_view pattern) {
  return !pattern.empty() && pattern.back() == '*';
}

}  // namespace

bool is_mesh_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxMeshName && is_letter_or_digit(name.front()) &&
         has_name_characters(name);
}

bool is_node_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNodeName && is_letter_or_digit(name.front()) &&
         is_letter_or_digit(name.back()) && has_name_characters(name);
}

bool is_name_pattern(std::string_view pattern) {
  if (!is_open(pattern)) return is_node_name(pattern);
  const std::string_view start = pattern.substr(0, pattern.size() - 1);
  return start.empty() || (start.size() < kMaxNodeName && is_letter_or_digit(start.front()) &&
                           has_name_characters(start));
}

bool pattern_covers(std::string_view outer, std::string_view inner) {
  if (!is_open(outer)) return outer == inner;
  const std::string_view start = outer.substr(0, outer.size() - 1);
  return inner.substr(0, start.size()) == start;
}

}  // namespace xm
