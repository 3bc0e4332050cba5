// What every worker's walk shares, and what each has for itself.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "agent/crypto/aead.hpp"
#include "agent/io/datagram_socket.hpp"
#include "agent/io/tun.hpp"
#include "agent/path/control_port.hpp"
#include "agent/peer/allowed_ips.hpp"
#include "agent/peer/index_table.hpp"
#include "xdpmesh/addr.hpp"
#include "xdpmesh/clock.hpp"
#include "xdpmesh/counters.hpp"
#include "xdpmesh/grace.hpp"

namespace xm {

// Shared by all workers; outlives them. The tables are the control thread's to change.
struct PathContext {
  const Published<const AllowedIps>& allowed_ips;
  const IndexTable& sessions;
  Grace& grace;
  const Clock& clock;
  // The TUN device's MTU: padding stops there.
  const std::atomic<std::uint32_t>& mtu;
  TunCapabilities tun;
  // Gossip and STUN come to the port too, and go to the control thread.
  bool takes_mesh = false;
  // This machine's own addresses, sorted, which nothing has as its source that comes by AF_XDP;
  // null, or nothing published: not known.
  const Published<const std::vector<IpAddress>>* own_addresses = nullptr;
};

// One worker's counts; status reads them.
struct PathCounters {
  DropCounters drops;
  Counter received_datagrams;  // UDP payloads, of any type
  Counter receive_batches;
  Counter delivered_packets;  // inner packets handed to the TUN device
  Counter tun_writes;         // super-packets they were joined into
  Counter tun_reads;          // packets and super-packets taken from the TUN device
  Counter sent_datagrams;
  Counter send_calls;  // GSO runs
};

// One thread's own means. `reader` is its place in the Grace domain.
struct PathThread {
  std::size_t reader;
  AeadEngine& aead;
  ControlPort& control;
  PathCounters& counters;
  DatagramSender& sender = direct_sender;
};

// Tells the control thread about a peer, and takes the mark back when its queue is full, so that
// the next packet tells it again.
inline void ask_to_arm_timers(const PathThread& thread, Peer& peer) {
  if (!thread.control.post_event({peer.id, PeerEventKind::arm_timers, 0, {}})) {
    peer.activity.timers_armed.store(false, std::memory_order_relaxed);
  }
}

inline void ask_for_handshake(const PathThread& thread, Peer& peer) {
  std::atomic<bool>& wanted = peer.activity.handshake_wanted;
  if (wanted.load(std::memory_order_relaxed) || wanted.exchange(true)) return;
  if (!thread.control.post_event({peer.id, PeerEventKind::want_handshake, 0, {}})) {
    wanted.store(false, std::memory_order_relaxed);
  }
}

}  // namespace xm
