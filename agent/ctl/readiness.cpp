#include "agent/ctl/readiness.hpp"

namespace xm {
namespace {

// Empty: its packets come, by AF_XDP or by the socket.
std::string_view trouble(InterfaceState state) {
  switch (state) {
    case InterfaceState::down:
      return "is down";
    case InterfaceState::gone:
      return "does not exist";
    case InterfaceState::up:
    case InterfaceState::socket:
      break;
  }
  return {};
}

}  // namespace

std::string readiness_fault(const StatusView& view) {
  if (!view.tun.up) return "the tunnel device " + view.tun.name + " is down";
  if (view.udp.listener_sockets == 0) {
    return "no UDP socket is open on port " + std::to_string(view.listen_port);
  }
  for (const AttachmentStatus& attachment : view.interfaces) {
    const std::string_view what = trouble(attachment.state);
    if (!what.empty()) return "the attached interface " + attachment.name + " " + std::string(what);
  }
  return {};
}

}  // namespace xm
