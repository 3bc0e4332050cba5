#include "agent/ctl/json_text.hpp"

#include <array>
#include <cstdio>

#include "agent/ctl/status.hpp"

namespace xm {

Json parse_json(std::string_view text) {
  return Json::parse(text, nullptr, /*allow_exceptions=*/false);
}

std::string show(const Json& object, const char* member) {
  const auto found = object.find(member);
  if (found == object.end() || found->is_null()) return {};
  if (found->is_string()) return found->get<std::string>();
  if (found->is_boolean()) return found->get<bool>() ? "yes" : "no";
  return found->dump();
}

std::string show_or(const Json& object, const char* member, const char* otherwise) {
  std::string text = show(object, member);
  return text.empty() ? otherwise : text;
}

bool is_true(const Json& object, const char* member) {
  return show(object, member) == "yes";
}

const Json& child(const Json& object, const char* member) {
  static const Json kNothing = Json::object();
  const auto found = object.find(member);
  return found == object.end() ? kNothing : *found;
}

std::string bytes_text(std::uint64_t bytes) {
  constexpr std::array<const char*, 5> kUnits{"B", "KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return std::to_string(bytes) + " B";
  auto scaled = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; scaled >= 1024 && unit + 1 < kUnits.size(); ++unit) scaled /= 1024;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f %s", scaled, kUnits[unit]);
  return text.data();
}

std::string show_bytes(const Json& object, const char* member) {
  return bytes_text(number_of(object, member));
}

std::uint64_t number_of(const Json& object, const char* member) {
  const Json& number = child(object, member);
  return number.is_number_unsigned() ? number.get<std::uint64_t>() : 0;
}

std::string list_true(const Json& object, std::initializer_list<const char*> members) {
  std::string list;
  for (const char* member : members) {
    if (is_true(object, member)) list += (list.empty() ? "" : ", ") + std::string(member);
  }
  return list.empty() ? "none" : list;
}

std::string in_brackets(const std::string& reason) {
  return reason.empty() ? "" : " (" + reason + ")";
}

Status check_reply(std::string_view json) {
  const Json reply = parse_json(json);
  if (!reply.is_object()) return Error{"the agent's reply is no JSON object"};
  if (const std::string error = show(reply, "error"); !error.empty()) {
    return Error{"the agent refused: " + error};
  }
  return {};
}

Result<Json> parse_reply(std::string_view line) {
  if (auto checked = check_reply(line); !checked) return checked.error();
  Json reply = parse_json(line);
  if (const std::string version = show(reply, "schema_version");
      version != std::to_string(kStatusSchemaVersion)) {
    return Error{"the agent speaks schema version " + version + " and this program " +
                 std::to_string(kStatusSchemaVersion) +
                 ": use the xdp-mesh that the agent was started from, or --json"};
  }
  return reply;
}

}  // namespace xm
