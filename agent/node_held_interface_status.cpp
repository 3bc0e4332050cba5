// What a held interface says about itself.
#include "agent/node_held_interface.hpp"

namespace xm {

AttachmentStatus HeldInterface::status(Instant now) const {
  AttachmentStatus status;
  status.name = request_.interface;
  status.ifindex = facts_.index;
  status.driver = facts_.driver;
  status.mtu = facts_.mtu;
  status.mode = request_.mode;
  status.rx_asked = request_.rx;
  status.zero_copy_asked = request_.zero_copy;
  status.busy_poll_microseconds = request_.busy_poll_microseconds;
  status.attached_seconds = static_cast<std::uint64_t>((now - attached_at_) / 1s);
  status.steps = steps_;
  if (!attachment_) {
    const bool deleted = away_ == Away::deleted;
    status.state = deleted ? InterfaceState::gone : InterfaceState::socket;
    status.state_reason = deleted ? "it was deleted; one of its name will be attached to"
                                  : "somebody took the XDP program off it; `xdp-mesh detach` and "
                                    "`attach` put it there again";
    status.rx_reason = status.state_reason;
    return status;
  }
  const AttachReport& report = attachment_->report();
  status.program = {.got = report.mode,
                    .offloaded = false,
                    .via = report.via,
                    .id = report.program_id,
                    .tag = report.program_tag,
                    .pins = report.pins,
                    .adopted = report.adopted};
  status.rx = chooser_->path() == RxPath::xdp ? ReceiveChoice::xdp : ReceiveChoice::socket;
  status.rx_reason = chooser_->reason();
  status.zero_copy = queues_.all_zero_copy();
  status.chunk_size = queues_.chunk_size();
  status.largest_frame = queues_.largest_frame();
  status.queues = queues_.status(attachment_->program());
  if (auto verdicts = attachment_->program().verdicts()) status.verdicts = *verdicts;
  if (!is_live_) {
    status.state = InterfaceState::socket;
    status.state_reason =
        std::string(leaving_ ? "it is being detached" : "its XDP program is off it") +
        ": a worker has not let go of its AF_XDP sockets yet";
    status.rx = ReceiveChoice::socket;
    status.rx_reason = status.state_reason;
  } else if (!facts_.up) {
    status.state = InterfaceState::down;
  } else if (request_.rx != ReceiveChoice::socket) {
    status.state_reason = redirect_obstacle(facts_, report.mode);
    if (queues_.bound() < wanted_queues()) status.state_reason = queues_.fault();
    if (!status.state_reason.empty()) status.state = InterfaceState::socket;
  }
  return status;
}

}  // namespace xm
