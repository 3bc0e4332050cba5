// Running an XDP program on frames that no card has received.
#pragma once

#include <cstdint>

#include "xdpmesh/bytes.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// The kernel's most.
inline constexpr std::uint32_t kLiveFrameBatch = 256;

// Gives `program`, of the XDP kind, `frame` (from the Ethernet header on) `count` times, as if it
// had come in on queue 0 of the interface, which has native XDP, in this network namespace. What
// the program decides is done: what it passes takes the stack's way. The kernel makes memory for a
// batch of kLiveFrameBatch and uses it again for the next.
//
// Needs CAP_NET_ADMIN, CAP_BPF and Linux 5.18. Any thread.
// Source: Documentation/bpf/bpf_prog_run.rst, "Running XDP programs in live frame mode".
[[nodiscard]] Status run_on_live_frames(int program, std::uint32_t interface_index, Bytes frame,
                                        std::uint32_t count);

}  // namespace xm
