#include "agent/mesh/text_lines.hpp"

namespace xm {
namespace {

constexpr std::string_view kBlanks = " \t\r";
constexpr std::string_view kPrefix = "xdp-mesh-";
constexpr std::string_view kVersion = "1";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace

std::optional<TextLine> TextLines::next() {
  while (!left_.empty()) {
    const std::size_t end = left_.find('\n');
    const std::string_view whole = left_.substr(0, end);
    line_start_ = whole.data();
    left_.remove_prefix(end == std::string_view::npos ? left_.size() : end + 1);
    ++number_;
    const std::string_view line = trimmed(whole);
    if (line.empty() || line.front() == '#') continue;
    const std::size_t blank = line.find_first_of(kBlanks);
    if (blank == std::string_view::npos) return TextLine{number_, line, {}};
    return TextLine{number_, line.substr(0, blank), trimmed(line.substr(blank))};
  }
  return std::nullopt;
}

Status take_first_line(TextLines& lines, std::string_view kind) {
  const std::string expected =
      "expected \"" + std::string(kPrefix) + std::string(kind) + " " + std::string(kVersion) + "\"";
  const auto line = lines.next();
  if (!line) return line_error(1, expected + ", but there is nothing");
  const auto found = text_kind(line->keyword);
  if (!found) return line_error(line->number, expected + " as the first line of the file");
  if (*found != kind) {
    return line_error(line->number, expected + ", but this file is a " + std::string(*found));
  }
  if (line->value != kVersion) {
    return line_error(line->number, expected + ": a newer xdp-mesh may have written this version");
  }
  return {};
}

std::optional<std::string_view> text_kind(std::string_view text) {
  const auto line = TextLines(text).next();
  if (!line || line->keyword.substr(0, kPrefix.size()) != kPrefix) return std::nullopt;
  const std::string_view kind = line->keyword.substr(kPrefix.size());
  if (kind.empty() || kind.find_first_not_of("abcdefghijklmnopqrstuvwxyz") != kind.npos) {
    return std::nullopt;
  }
  return kind;
}

Error line_error(unsigned number, const std::string& what) {
  return {"line " + std::to_string(number) + ": " + what};
}

}  // namespace xm
