#include "loader/steer_object.hpp"

#include <bpf/libbpf.h>

#include <cstdarg>

#include "steer.skel.h"

namespace xm {
namespace {

int quiet(enum libbpf_print_level, const char*, std::va_list) {
  return 0;
}

}  // namespace

void DestroySteer::operator()(steer* skeleton) const {
  steer__destroy(skeleton);
}

Result<SteerObject> open_steer_object() {
  libbpf_set_print(quiet);
  SteerObject skeleton(steer__open());
  if (!skeleton) return errno_error("the XDP object built into this binary does not open");
  return skeleton;
}

}  // namespace xm
