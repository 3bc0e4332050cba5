// What the two sockets may ask of the node. Implemented in agent/node; called on the control thread
// only.
#pragma once

#include <string>
#include <vector>

#include "agent/ctl/attach.hpp"
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

  // Puts the program on an interface and follows it until detach(). The request has passed
  // attach_request_fault(). An error when nothing could be tried (no such interface, held already,
  // held by another agent); what was tried and refused is in the report, and `attached` false.
  // With dry_run nothing is changed.
  [[nodiscard]] virtual Result<AttachReply> attach(const AttachRequest& request) = 0;

  // Leaves nothing on the interface. An error when this agent does not hold it.
  [[nodiscard]] virtual Result<DetachReply> detach(const std::string& interface) = 0;

  // Ends the agent, after what is being answered has been answered.
  virtual void stop() = 0;

  // The interfaces that attach() was asked for, in that order, as in status().
  [[nodiscard]] virtual std::vector<AttachmentStatus> attachments() = 0;
};

}  // namespace xm
