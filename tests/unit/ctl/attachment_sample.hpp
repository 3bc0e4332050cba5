// An attached interface in which every field has a value of its own.
#pragma once

#include "agent/ctl/attachment_status.hpp"

namespace xm::test {

inline AttachmentStatus sample_attachment() {
  AttachmentStatus attachment;
  attachment.name = "eth0";
  attachment.ifindex = 3;
  attachment.driver = "virtio_net";
  attachment.mtu = 1500;
  attachment.state = InterfaceState::socket;
  attachment.state_reason = "its queues changed";
  attachment.program = {.got = AttachMode::native,
                        .offloaded = false,
                        .via = AttachVia::link,
                        .id = 17,
                        .tag = "0123456789abcdef",
                        .pins = "/sys/fs/bpf/xdp-mesh/eth0",
                        .adopted = true};
  attachment.rx_asked = ReceiveChoice::automatic;
  attachment.rx = ReceiveChoice::xdp;
  attachment.rx_reason = "packets come one by one";
  attachment.chunk_size = 2048;
  attachment.largest_frame = 1792;
  attachment.busy_poll_microseconds = 50;
  attachment.attached_seconds = 12;
  QueueStatus& queue = attachment.queues.emplace_back();
  queue.mode = XM_QUEUE_COPY;
  queue.reason = "the driver cannot";
  queue.worker = 1;
  queue.heartbeat_age_milliseconds = 90;
  queue.rx_ring = {2048, 5};
  queue.fill_ring = {4096, 2040};
  queue.chunks = 2048;
  queue.huge_pages = true;
  queue.counts.rx_ring_full = 7;
  QueueStatus& other = attachment.queues.emplace_back();
  other.queue = 1;
  other.reason = "Device or resource busy";
  attachment.verdicts[XM_VERDICT_redirect] = {1000, 1'474'560};
  attachment.verdicts[XM_VERDICT_drop_bad_mac1] = {2, 296};
  attachment.steps = {{"dispatcher, native", false, "Operation not permitted"},
                      {"BPF link, native", true, ""}};
  return attachment;
}

}  // namespace xm::test
