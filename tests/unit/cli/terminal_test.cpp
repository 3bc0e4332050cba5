#include "agent/cli/terminal.hpp"

#include <doctest/doctest.h>

namespace xm {

TEST_CASE("terminal: a screen has as many lines as fit, each cut to the width") {
  const auto lines = [](const std::string& text, std::size_t rows, std::size_t columns) {
    return screenful(text, {rows, columns});
  };
  CHECK(lines("ab\ncd\n", 5, 80) == "\x1b[Hab\x1b[K\r\ncd\x1b[K\r\n\x1b[K\x1b[J");
  CHECK(lines("abcdef\n", 5, 3) == "\x1b[Habc\x1b[K\r\n\x1b[K\x1b[J");
  CHECK(lines("a\nb\nc\n", 3, 80) == "\x1b[Ha\x1b[K\r\nb\x1b[K\r\nc\x1b[K\x1b[J");
  CHECK(lines("a\nb\nc\nd\n", 3, 80) == "\x1b[Ha\x1b[K\r\nb\x1b[K\r\n... 2 more lines\x1b[K\x1b[J");
  CHECK(lines("a\nb\nc\n", 1, 6) == "\x1b[H... 3 \x1b[K\x1b[J");
  CHECK(lines("", 3, 80) == "\x1b[H\x1b[K\x1b[J");
}

TEST_CASE("terminal: characters of several bytes are one, and nothing moves the cursor") {
  CHECK(screenful("\xc3\xa4\xc3\xb6x\n", {3, 2}) == "\x1b[H\xc3\xa4\xc3\xb6\x1b[K\r\n\x1b[K\x1b[J");
  CHECK(screenful("a\x1b[2Jb\t\x7f\n", {3, 80}) == "\x1b[Ha?[2Jb??\x1b[K\r\n\x1b[K\x1b[J");
}

}  // namespace xm
