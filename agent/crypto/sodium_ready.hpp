// libsodium chooses its fastest implementations in sodium_init(); before that it works, but slowly.
// Whoever calls a primitive of it calls this first, so that no one depends on start-up order.
#pragma once

#include <sodium.h>

namespace xm {

// Cheap after the first call. Any thread.
inline void sodium_ready() {
  // A failure leaves the portable implementations in place: slower, not wrong.
  [[maybe_unused]] static const int status = sodium_init();
}

}  // namespace xm
