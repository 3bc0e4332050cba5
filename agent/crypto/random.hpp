// Where random bytes come from: the system, or a test that wants the same ones every time.
#pragma once

#include "xdpmesh/bytes.hpp"

namespace xm {

class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(MutableBytes out) = 0;
};

// The kernel's generator, getrandom(2). Any thread; an instance has no state.
class SystemRandom final : public Random {
 public:
  void fill(MutableBytes out) override;
};

}  // namespace xm
