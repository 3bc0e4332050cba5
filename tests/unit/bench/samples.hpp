// Output of real programs, kept beside the tests.
#pragma once

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

namespace xm::test {

inline std::string read_sample(const std::string& name) {
  const std::ifstream file(std::string(XM_SOURCE_DIR) + "/tests/unit/bench/samples/" + name);
  if (!file) throw std::runtime_error("no sample " + name);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace xm::test
