// Making an AF_XDP socket: memory, rings, binding. agent/io/xsk_socket.hpp is what comes of it.
#pragma once

#include <linux/if_xdp.h>

#include <cstdint>
#include <string>

#include "agent/io/mapping.hpp"
#include "agent/io/umem.hpp"
#include "agent/io/xsk_ring.hpp"
#include "agent/wire/outer.hpp"
#include "xdpmesh/clock.hpp"
#include "xdpmesh/fd.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

enum class ZeroCopy : std::uint8_t {
  automatic,  // when the driver can
  required,   // fail when it cannot
  off,        // copy: the only one that works with a program in generic mode
};

// A batch of the walk and as much again; less would be empty most of the time.
inline constexpr std::uint32_t kFewestChunks = 128;

struct XskOptions {
  std::uint32_t interface_index = 0;
  std::uint32_t queue = 0;
  // The interface's, for the choice of the chunk size.
  std::uint32_t mtu = 1500;
  // Bytes, 2048 or 4096; 0: 2048 if that holds a frame of the MTU with two VLAN tags, else 4096.
  std::uint32_t chunk_size = 0;
  // So many packets may arrive while the worker does not look; kFewestChunks or more. 2048 of 2048
  // bytes are 4 MB.
  std::uint32_t chunks = 2048;
  // Entries, powers of two; 0: room for all chunks, so that neither ring ever overflows.
  std::uint32_t receive_ring = 0;
  std::uint32_t fill_ring = 0;
  ZeroCopy zero_copy = ZeroCopy::automatic;
  // Microseconds for which the worker drives the NIC's queue itself instead of being interrupted
  // (SO_PREFER_BUSY_POLL, Linux 5.11), and packets a time; 0: not at all. The interface's
  // napi_defer_hard_irqs and gro_flush_timeout have to be set for it (af_xdp.rst).
  std::uint32_t busy_poll = 0;
  std::uint16_t busy_poll_budget = 64;
  // How long to wait for a queue that another socket has: the kernel lets go of a closed one's only
  // some time after close() has returned.
  Duration bind_patience = 500ms;
};

// Everything that one socket consists of.
struct XskParts {
  XskOptions options;  // with what was chosen in place of 0, and as many chunks as there are
  std::string note;    // what is less than was asked for, and why; empty when nothing is
  bool is_zero_copy = false;
  std::string copy_reason;  // the kernel's, where zero-copy was automatic and it copies; else empty
  Umem umem;
  Mapping fill_memory;
  Mapping receive_memory;
  XskRingMemory<std::uint64_t> fill;
  XskRingMemory<xdp_desc> received;
  Fd fd;
};

// The longest frame that a chunk holds, Ethernet header included: the kernel keeps the first 256
// bytes of every chunk for XDP programs (XDP_PACKET_HEADROOM in linux/bpf.h).
[[nodiscard]] constexpr std::uint32_t largest_frame_of(std::uint32_t chunk_size) {
  return chunk_size - 256;
}

// The longest frame of an interface of this MTU: Ethernet header and two VLAN tags included.
[[nodiscard]] constexpr std::uint32_t longest_frame(std::uint32_t mtu) {
  return mtu + static_cast<std::uint32_t>(ethernet::kHeaderSize +
                                          ethernet::kMaximumTags * ethernet::kTagSize);
}
// The chunk size for frames of this MTU.
[[nodiscard]] std::uint32_t chunk_size_for(std::uint32_t mtu);

// A socket with its rings, not bound: nothing arrives yet. Errors as of XskSocket::create().
[[nodiscard]] Result<XskParts> make_xsk(const XskOptions& options);
// Binds it to its queue. The fill ring should have chunks by now.
[[nodiscard]] Status bind_xsk(XskParts& parts);

}  // namespace xm
