// How a test case says that it cannot run here: XM_SKIP("no /dev/net/tun"); CTest and tools/check
// count it as skipped and show the reason. Only before the first CHECK of a case.
#pragma once

#include <cstdio>
#include <string>

namespace xm::test {

inline void print_skip(const std::string& reason) {
  std::printf("skipped: %s\n", reason.c_str());
}

}  // namespace xm::test

#define XM_SKIP(reason)             \
  do {                              \
    ::xm::test::print_skip(reason); \
    return;                         \
  } while (false)
