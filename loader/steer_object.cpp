#include "loader/steer_object.hpp"

#include "loader/library_messages.hpp"
#include "steer.skel.h"

namespace xm {

void DestroySteer::operator()(steer* skeleton) const {
  steer__destroy(skeleton);
}

Result<SteerObject> open_steer_object() {
  catch_library_messages();
  SteerObject skeleton(steer__open());
  if (!skeleton) return errno_error("the XDP object built into this binary does not open");
  return skeleton;
}

}  // namespace xm
