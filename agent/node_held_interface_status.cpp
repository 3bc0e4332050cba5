// What a held interface says about itself, and what holding one would come to.
#include <utility>

#include "agent/node_held_interface.hpp"

namespace xm {
namespace {

AttachStep planned(std::string what, std::string reason) {
  return {std::move(what), true, std::move(reason)};
}

AttachStep impossible(std::string what, std::string reason) {
  return {std::move(what), false, std::move(reason)};
}

// A dispatcher that admits others is no obstacle; any other program is.
const AttachedProgram* obstacle(const InterfaceFacts& facts) {
  for (const AttachedProgram& program : facts.programs) {
    if (!program.dispatcher && !program.is_ours()) return &program;
  }
  return nullptr;
}

AttachStep plan_mode(const AttachRequest& request, const InterfaceFacts& facts) {
  const std::string driver = facts.driver.empty() ? "its driver" : "the driver " + facts.driver;
  if (request.mode == AttachMode::generic) return planned("generic mode", "asked for");
  if (facts.loopback) {
    if (request.mode == AttachMode::native) {
      return impossible("native mode", "the loopback interface has none");
    }
    return planned("generic mode", "the loopback interface has no native mode");
  }
  if (facts.features && !facts.features->basic) {
    if (request.mode == AttachMode::native) {
      return impossible("native mode", driver + " says that it has none");
    }
    return planned("generic mode", driver + " says that it has no native mode");
  }
  if (facts.features) return planned("native mode", driver + " says that it can");
  return planned("native mode",
                 "tried first; this kernel does not tell whether " + driver + " can" +
                     (request.mode == AttachMode::automatic ? ", else generic" : ""));
}

AttachStep plan_zero_copy(const AttachRequest& request, const InterfaceFacts& facts) {
  if (request.zero_copy == ZeroCopyChoice::no) return planned("copy mode", "asked for");
  if (facts.features && facts.features->zero_copy) {
    return planned("zero-copy", "the driver says that it can");
  }
  const std::string reason = facts.features ? "the driver says that it has no zero-copy"
                                            : "this kernel does not tell whether the driver can";
  if (request.zero_copy == ZeroCopyChoice::yes && facts.features) {
    return impossible("zero-copy", reason);
  }
  return planned(facts.features ? "copy mode" : "zero-copy is tried, else copy mode", reason);
}

}  // namespace

Result<AttachReply> HeldInterface::dry_run(const AttachRequest& request) {
  auto facts = interface_facts(request.interface);
  if (!facts) return facts.error();
  AttachReply reply;
  reply.interface = request.interface;
  reply.dry_run = true;
  reply.attached = true;
  for (const std::string& sentence : attach_obstacles(*facts, loader_facts())) {
    reply.steps.push_back({"note", true, sentence});
  }
  if (const AttachedProgram* const other = obstacle(*facts); other != nullptr) {
    reply.steps.push_back(impossible("XDP program", "there is another one: " + other->to_string()));
  }
  reply.steps.push_back(plan_mode(request, *facts));
  reply.steps.push_back(plan_zero_copy(request, *facts));
  const std::uint32_t there = std::min<std::uint32_t>(facts->receive_queues, XM_MAX_QUEUES);
  const std::uint32_t queues = std::min(request.queues.value_or(there), there);
  reply.steps.push_back(planned("AF_XDP sockets on queues 0 to " + std::to_string(queues - 1),
                                "the interface has " + std::to_string(facts->receive_queues)));
  const std::uint32_t chunk = request.chunk_size.value_or(chunk_size_for(facts->mtu));
  const std::uint32_t frame = longest_frame(facts->mtu);
  const bool fits = frame <= largest_frame_of(chunk);
  reply.steps.push_back(
      planned("chunks of " + std::to_string(chunk) + " bytes",
              fits ? "frames of the MTU " + std::to_string(facts->mtu) + " fit"
                   : "frames of up to " + std::to_string(frame) +
                         " bytes do not all fit; those that do not come by the socket"));
  for (const AttachStep& step : reply.steps) {
    if (!step.taken) reply.attached = false;
  }
  return reply;
}

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
  if (!facts_.up) {
    status.state = InterfaceState::down;
  } else if (request_.rx != ReceiveChoice::socket && queues_.bound() < wanted_queues()) {
    status.state = InterfaceState::socket;
    status.state_reason = queues_.fault();
  }
  return status;
}

}  // namespace xm
