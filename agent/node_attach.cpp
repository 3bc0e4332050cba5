// The interfaces that the node holds.
#include <cerrno>

#include "agent/node.hpp"

namespace xm {

Result<AttachReply> Node::attach(const AttachRequest& request) {
  return Error{
      "cannot attach to " + request.interface + ": this build has no receive path over AF_XDP",
      EOPNOTSUPP};
}

Result<DetachReply> Node::detach(const std::string& interface) {
  return Error{"this agent holds no interface " + interface, ENODEV};
}

std::vector<AttachmentStatus> Node::attachments() {
  return {};
}

}  // namespace xm
