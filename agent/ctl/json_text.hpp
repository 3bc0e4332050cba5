// Within agent/ctl: from a reply's JSON to text for people. What is missing, null or of another
// type than expected is left out, never an error: the agent may be of a later version.
#pragma once

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "xdpmesh/result.hpp"

namespace xm {

using Json = nlohmann::ordered_json;

// Discarded (neither object nor anything else) when it is no JSON.
[[nodiscard]] Json parse_json(std::string_view text);

// A reply of this schema version; an error when the line is none, or is {"error": ...}.
[[nodiscard]] Result<Json> parse_reply(std::string_view line);

// The text is made of "label: value" lines, indented under a heading, as `wg show` has them.
class Text {
 public:
  void heading(const std::string& text) { out_ += (out_.empty() ? "" : "\n") + text + "\n"; }
  // Left out when the value is empty.
  void line(const std::string& label, const std::string& value) {
    if (!value.empty()) out_ += "  " + label + ": " + value + "\n";
  }
  // One level deeper.
  void detail(const std::string& label, const std::string& value) {
    if (!value.empty()) out_ += "    " + label + ": " + value + "\n";
  }
  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

// A member as text: a string as it is, a number in decimal, true as "yes".
[[nodiscard]] std::string show(const Json& object, const char* member);
[[nodiscard]] std::string show_or(const Json& object, const char* member, const char* otherwise);
[[nodiscard]] bool is_true(const Json& object, const char* member);
// An empty object when it is missing.
[[nodiscard]] const Json& child(const Json& object, const char* member);

[[nodiscard]] std::string show_bytes(const Json& object, const char* member);
// 0 when it is no number.
[[nodiscard]] std::uint64_t number_of(const Json& object, const char* member);

// "a, b" of the members that are true; "none" when none is.
[[nodiscard]] std::string list_true(const Json& object, std::initializer_list<const char*> members);

// " (REASON)", or nothing without one.
[[nodiscard]] std::string in_brackets(const std::string& reason);

// A part of the status: one attached interface.
void attachment_text(Text& text, const Json& attachment);
// A line a step: "  done     WHAT: REASON", or "  refused".
[[nodiscard]] std::string steps_text(const Json& steps);

}  // namespace xm
