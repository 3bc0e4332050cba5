// The text files of a mesh, line by line: a first line "xdp-mesh-KIND VERSION", then lines of a
// keyword and a value. Blank lines and those that begin with "#" say nothing; a line may end with a
// carriage return.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "xdpmesh/result.hpp"

namespace xm {

// A file's name, for messages, and what is in it. Larger ones than this are not read.
struct NamedText {
  std::string name;
  std::string text;
};
inline constexpr std::size_t kMaxTextFile = 1U << 20;

struct TextLine {
  unsigned number = 0;  // from 1
  std::string_view keyword;
  std::string_view value;  // the rest, without blanks around it; may be empty
};

// Borrows the text.
class TextLines {
 public:
  explicit TextLines(std::string_view text) : left_(text) {}

  // The next line that says something; nothing at the end.
  [[nodiscard]] std::optional<TextLine> next();

  // Where the bytes of the line that next() gave last begin.
  [[nodiscard]] const char* line_start() const { return line_start_; }

 private:
  std::string_view left_;
  const char* line_start_ = nullptr;
  unsigned number_ = 0;
};

// Takes the first line, which must be "xdp-mesh-KIND 1". `kind` as in "trust". Names line and, when
// the kind is another, what the file is; the version, when it is another.
[[nodiscard]] Status take_first_line(TextLines& lines, std::string_view kind);

// KIND of a text whose first line is "xdp-mesh-KIND …"; nothing of any other text.
[[nodiscard]] std::optional<std::string_view> text_kind(std::string_view text);

// "line N: WHAT".
[[nodiscard]] Error line_error(unsigned number, const std::string& what);

}  // namespace xm
