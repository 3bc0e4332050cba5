#include "agent/ctl/printable.hpp"

#include <doctest/doctest.h>

namespace xm {

TEST_CASE("printable: escapes what is not ASCII and hides what may be a key") {
  CHECK(printable("") == "''");
  CHECK(printable("wg0") == "'wg0'");
  CHECK(printable("a\x1b[2J\xc3\xa4z\n") == "'a?[2J" + std::string(2, '?') + "z?'");
  CHECK(printable(std::string(43, 'x')) == "'" + std::string(43, 'x') + "'");
  CHECK(printable(std::string(44, 'x')) == "a text of 44 bytes");
}

}  // namespace xm
