// Whether BPF may be used here: most cases of this folder load something into the kernel.
#pragma once

#include <cerrno>
#include <string>

#include "loader/shared_maps.hpp"
#include "tests/support/skip.hpp"

namespace xm::test {

// Empty when maps can be made, else why not. A kernel that refuses for another reason than
// permission fails the case instead.
inline std::string why_no_bpf() {
  const auto maps = SharedMaps::create(1);
  if (maps || maps.error().os_errno != EPERM) return {};
  return maps.error().what;
}

}  // namespace xm::test

#define XM_NEEDS_BPF()                                                                            \
  do {                                                                                            \
    if (const std::string why_not = ::xm::test::why_no_bpf(); !why_not.empty()) XM_SKIP(why_not); \
  } while (false)
