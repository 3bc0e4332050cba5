// What released versions wrote, kept in tests/unit/mesh/golden/.
#pragma once

#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <string>

namespace xm::test {

// The text of tests/unit/mesh/golden/NAME: what a released version wrote. A difference is a change
// of the form, which needs a new version number and a new file.
inline std::string golden(const std::string& name) {
  std::ifstream file(std::string(XM_SOURCE_DIR) + "/tests/unit/mesh/golden/" + name);
  REQUIRE_MESSAGE(file.is_open(), name << " cannot be opened");
  std::string text{std::istreambuf_iterator<char>(file), {}};
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

}  // namespace xm::test
