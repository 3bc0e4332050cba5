#include "loader/capabilities.hpp"

#include <fstream>
#include <string>

namespace xm {

Capabilities Capabilities::effective() {
  std::ifstream status("/proc/thread-self/status");
  std::string word;
  while (status >> word) {
    if (word != "CapEff:") continue;
    std::uint64_t bits = 0;
    status >> std::hex >> bits;
    return Capabilities(bits);
  }
  return Capabilities(0);
}

}  // namespace xm
