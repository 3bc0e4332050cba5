// The generated skeleton of bpf/steer.bpf.c, owned. Inside loader/ only.
#pragma once

#include <memory>

#include "xdpmesh/result.hpp"

struct steer;  // the generated skeleton

namespace xm {

struct DestroySteer {
  void operator()(steer* skeleton) const;
};
using SteerObject = std::unique_ptr<steer, DestroySteer>;

// Opened, not loaded.
[[nodiscard]] Result<SteerObject> open_steer_object();

}  // namespace xm
