// What a running agent says about the interfaces that it has attached to; a part of its status, and
// the reply to the request "interfaces". The JSON's members are named as those of the structs.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/ctl/attach.hpp"
#include "xdpmesh/abi.h"
#include "xdpmesh/drop.h"

namespace xm {

// What is known of the program that an interface runs.
struct ProgramStatus {
  AttachMode got = AttachMode::automatic;  // automatic: it is not attached
  bool offloaded = false;                  // to the card; `got` is then native
  AttachVia via = AttachVia::automatic;    // automatic: it is not attached
  std::uint32_t id = 0;                    // of bpftool; 0: none
  std::string tag;                         // 16 hexadecimal digits
  std::string pins;                        // folder of the pinned maps; empty: none
  bool adopted = false;                    // the predecessor's link and maps were taken over
};

// What XDP_STATISTICS of if_xdp.h counts, under its names.
struct XskCounts {
  std::uint64_t rx_dropped = 0;
  std::uint64_t rx_invalid_descs = 0;
  std::uint64_t tx_invalid_descs = 0;
  std::uint64_t rx_ring_full = 0;
  std::uint64_t rx_fill_ring_empty_descs = 0;
  std::uint64_t tx_ring_empty_descs = 0;
};

// Descriptors: how many fit, and how many wait in it now.
struct RingStatus {
  std::uint32_t size = 0;
  std::uint32_t level = 0;
};

// One receive queue of an attached interface.
struct QueueStatus {
  std::uint32_t queue = 0;
  xm_queue_mode mode = XM_QUEUE_NONE;
  std::string reason;                   // why it has no socket, or why it copies; empty: as wished
  std::optional<std::uint32_t> worker;  // that reads it
  std::optional<std::uint64_t> heartbeat_age_milliseconds;  // none: never written
  RingStatus rx_ring;
  RingStatus fill_ring;
  std::uint32_t chunks = 0;  // of its UMEM
  bool huge_pages = false;
  XskCounts counts;
};

// How it goes with an interface that the agent holds.
enum class InterfaceState : std::uint8_t {
  up,
  down,
  gone,    // deleted: it is attached again when one of its name comes
  socket,  // data messages come by the UDP socket, although AF_XDP was wanted
};

// The state's name, as in the JSON.
[[nodiscard]] std::string_view interface_state_name(InterfaceState state);

// An interface that the agent has attached to.
struct AttachmentStatus {
  std::string name;  // as it is called now
  std::uint32_t ifindex = 0;
  std::string driver;
  std::uint32_t mtu = 0;
  InterfaceState state = InterfaceState::up;
  std::string state_reason;                 // empty: nothing to say
  AttachMode mode = AttachMode::automatic;  // asked for
  ProgramStatus program;
  ReceiveChoice rx_asked = ReceiveChoice::automatic;
  ReceiveChoice rx = ReceiveChoice::socket;  // xdp or socket, now
  std::string rx_reason;
  ZeroCopyChoice zero_copy_asked = ZeroCopyChoice::automatic;
  bool zero_copy = false;           // every queue has it
  std::uint32_t chunk_size = 0;     // bytes
  std::uint32_t largest_frame = 0;  // bytes that fit a chunk, Ethernet header included
  std::uint32_t busy_poll_microseconds = 0;
  std::uint64_t attached_seconds = 0;  // ago
  std::vector<QueueStatus> queues;
  std::array<xm_stat, XM_VERDICT_COUNT> verdicts{};  // by xm_verdict, all processors added up
  std::vector<AttachStep> steps;  // of the attach, and of what was done anew since
};

// {"schema_version":1,"interfaces":[...]} in one line without its end.
[[nodiscard]] std::string interfaces_json(const std::vector<AttachmentStatus>& interfaces);

// The text for people, from such a line. An error when it is none.
[[nodiscard]] Result<std::string> interfaces_text(std::string_view json);

// Whether such a line lists an interface of this name.
[[nodiscard]] bool holds_interface(std::string_view json, std::string_view name);

}  // namespace xm
