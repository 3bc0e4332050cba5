// What the two sockets may ask of the node. Implemented in agent/node; called on the control thread
// only.
#pragma once

#include "agent/ctl/status.hpp"
#include "agent/peer/config.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

class Controller {
 public:
  virtual ~Controller() = default;

  // Applies one `set`, whole or up to the first error. The error's os_errno goes out to the client
  // (EIO where it is 0), its text to the log.
  [[nodiscard]] virtual Status apply(InterfaceChange&& change) = 0;

  // Includes secrets: the caller prints them to the configuration socket and wipes them.
  [[nodiscard]] virtual InterfaceView view() = 0;

  // Holds no secret.
  [[nodiscard]] virtual StatusView status() = 0;
};

}  // namespace xm
