// A peer as the packet path sees it: which session to send under, where to, and the marks that
// packets leave for the timers. Everything else about a peer (handshake, keypairs, timers, staged
// packets) belongs to the control thread and lies in engine.hpp.
//
// Thread: the control thread creates peers, publishes `sending` and `path`, and retires peers
// through Grace; workers read inside a Grace section and write only the atomics of Activity, the
// byte counts and, when the peer has moved, `path`.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "agent/io/datagram_socket.hpp"
#include "agent/noise/session.hpp"
#include "xdpmesh/clock.hpp"
#include "xdpmesh/frame.hpp"
#include "xdpmesh/grace.hpp"

namespace xm {

// Names a peer in messages between threads: unlike a pointer it may outlive the peer. Never reused.
using PeerId = std::uint64_t;

// The marks that packets leave for the timers. Nanoseconds of Instant, 0 = none. Packets write them
// at most once a batch; the control thread reads them when a timer of the peer is due, so traffic
// costs no wake-up: only a mark that arms an idle peer's timers raises an event. A first mark and
// the look at `timers_armed` after it are sequentially consistent, as are the control thread's
// clearing of the flag and its second look at the marks: one of the two sees the other.
struct Activity {
  // The first data packet sent since something authenticated came: 15 s later a new handshake is
  // due.
  std::atomic<std::int64_t> unanswered_since{0};
  // The first data packet received since anything was sent: 10 s later a keepalive is due.
  std::atomic<std::int64_t> unacknowledged_since{0};
  // The last authenticated packet in either direction: the persistent keepalive counts from it.
  std::atomic<std::int64_t> last_sent{0};
  std::atomic<std::int64_t> last_received{0};
  // Set while the control thread has the peer's timers armed, or has been told to arm them.
  std::atomic<bool> timers_armed{false};
  // Set while the control thread has been asked for a handshake and has not answered yet.
  std::atomic<bool> handshake_wanted{false};

  // Each returns true when the caller must send the control thread PeerEventKind::arm_timers.
  [[nodiscard]] bool data_sent(Instant now) {
    if (unanswered_since.load(std::memory_order_relaxed) == 0) {
      unanswered_since.store(now.nanoseconds, std::memory_order_seq_cst);
    }
    sent(now);
    return must_arm();
  }
  [[nodiscard]] bool data_received(Instant now) {
    received(now);
    if (unacknowledged_since.load(std::memory_order_relaxed) == 0) {
      unacknowledged_since.store(now.nanoseconds, std::memory_order_seq_cst);
    }
    return must_arm();
  }
  // Any authenticated packet, keepalives and handshake messages included.
  void sent(Instant now) {
    last_sent.store(now.nanoseconds, std::memory_order_relaxed);
    if (unacknowledged_since.load(std::memory_order_relaxed) != 0) {
      unacknowledged_since.store(0, std::memory_order_relaxed);
    }
  }
  void received(Instant now) {
    last_received.store(now.nanoseconds, std::memory_order_relaxed);
    if (unanswered_since.load(std::memory_order_relaxed) != 0) {
      unanswered_since.store(0, std::memory_order_relaxed);
    }
  }

 private:
  [[nodiscard]] bool must_arm() {
    return !timers_armed.load(std::memory_order_seq_cst) &&
           !timers_armed.exchange(true, std::memory_order_seq_cst);
  }
};

class Peer;

// A session and whose it is: what the index table yields for a received packet.
class PeerSession final : public Session {
 public:
  PeerSession(TransportKeys keys, Instant born, Peer& owner)
      : Session(std::move(keys), born), peer(owner) {}
  Peer& peer;
};

class Peer {
 public:
  explicit Peer(PeerId identifier) : id(identifier) {}

  const PeerId id;

  // Null while there is no session to send under: packets are then staged with the control thread.
  Published<PeerSession> sending;
  // Null while the peer has no endpoint.
  Published<const SendPath> path;

  // While there is no path packets wait for one, as for a session: the endpoint is known, and a
  // socket is about to open; or somebody finds it out (PeerChange::is_sought).
  std::atomic<bool> waits_for_path{false};

  Activity activity;

  // By which path the last packet came that authenticated; none before the first.
  std::atomic<std::optional<ReceivePath>> last_path{std::nullopt};

  // Bytes of WireGuard messages (UDP payload), as `wg show` counts them.
  std::atomic<std::uint64_t> sent_bytes{0};
  std::atomic<std::uint64_t> received_bytes{0};
};

// What a worker tells the control thread about a peer.
enum class PeerEventKind : std::uint8_t {
  arm_timers,         // Activity went from idle to something that needs a timer
  want_handshake,     // a send or receive found the session due for renewal, or there is none
  session_confirmed,  // the first authenticated packet under a responder's session: `local_index`
  endpoint_moved,     // an authenticated packet came from elsewhere: `source`
};

struct PeerEvent {
  PeerId peer = 0;
  PeerEventKind kind = PeerEventKind::arm_timers;
  std::uint32_t local_index = 0;
  Source source;
};

}  // namespace xm
