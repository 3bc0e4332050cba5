#include "agent/crypto/random.hpp"

#include <sodium.h>

namespace xm {

void SystemRandom::fill(MutableBytes out) {
  if (!out.empty()) randombytes_buf(out.data(), out.size());
}

}  // namespace xm
