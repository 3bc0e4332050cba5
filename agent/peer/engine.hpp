// The protocol of one interface: configuration, handshakes, timers, sessions, endpoints. Inputs
// and time go in, state for the packet path is published, actions for the node come out. No
// descriptor, clock or thread.
//
//   engine.cpp             inputs and their dispatch, timers, what waits for a session
//   engine_config.cpp      set and get: keys, peers, allowed IPs
//   engine_handshake.cpp   the messages of type 1, 2 and 3
//
// After every input the caller executes take_actions() in order. Control thread only, but for what
// allowed_ips() and sessions() say of themselves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "agent/crypto/random.hpp"
#include "agent/noise/cookie.hpp"
#include "agent/noise/handshake.hpp"
#include "agent/noise/rate_limiter.hpp"
#include "agent/peer/action.hpp"
#include "agent/peer/allowed_ips.hpp"
#include "agent/peer/config.hpp"
#include "agent/peer/deadlines.hpp"
#include "agent/peer/index_table.hpp"
#include "agent/peer/peer.hpp"
#include "agent/peer/peer_record.hpp"
#include "xdpmesh/counters.hpp"
#include "xdpmesh/frame.hpp"
#include "xdpmesh/grace.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// How full the queue of handshake messages is, for the decision to ask for cookies.
struct HandshakeQueue {
  std::size_t waiting = 0;
  std::size_t capacity = 1;
};

// What is public about a peer, without its lists.
struct PeerSummary {
  PeerId id = 0;
  PublicKey public_key{};
  Endpoint endpoint;
  std::uint64_t received_bytes = 0;
  std::uint64_t sent_bytes = 0;
  WallTime last_handshake;  // zero: never
};

class Engine {
 public:
  // The kernel's limit.
  static constexpr std::size_t kMaxPeers = std::size_t{1} << 20;

  // All outlive the engine; `drops` is the control thread's. The interface is down at first.
  Engine(Grace& grace, Random& random, DropCounters& drops);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // --- inputs ---

  // One `set`, but for listen_port and fwmark, which are the node's. On an error what came before
  // it in the change has taken effect.
  [[nodiscard]] Status apply(InterfaceChange change, const Moment& at);
  // Down: sessions, handshakes and waiting packets are gone, and nothing is sent or answered.
  void set_interface_up(bool up, const Moment& at);
  // Addresses or routes have changed, or the port: every sticky source is forgotten.
  void clear_sources();

  // A datagram of type 1, 2 or 3. Read during the call.
  void on_handshake(Bytes datagram, const Source& source, HandshakeQueue queue, const Moment& at);
  void on_event(const PeerEvent& event, const Moment& at);
  // The other end is known to have begun another life: it has lost the session that is still good
  // here. Another one is agreed on now; nothing where there is none.
  void renew_session(PeerId peer, const Moment& at);
  // A packet, virtio header included, for which the path had no session.
  void stage(PeerId peer, StagedPackets::Packet packet, const Moment& at);
  // To be called at next_deadline(); earlier or later does no harm.
  void on_timers(const Moment& at);
  [[nodiscard]] Instant next_deadline() const;

  // --- outputs ---

  // What the inputs since the last call want done.
  [[nodiscard]] std::vector<Action> take_actions() { return std::exchange(actions_, {}); }
  // All packets that wait for the peer's session, the oldest first; none for an unknown peer.
  [[nodiscard]] StagedPackets::Packets take_staged(PeerId peer);

  // Everything of InterfaceView but listen_port and fwmark; peers in the order of their creation.
  [[nodiscard]] InterfaceView view() const;

  // None while there is no private key.
  [[nodiscard]] std::optional<PublicKey> public_key() const;
  // In the order of their creation, `most` at most.
  [[nodiscard]] std::vector<PeerSummary> summaries(std::size_t most) const;

  [[nodiscard]] std::optional<PeerId> find_id(const PublicKey& key) const;
  // Null, or a route that is not set, when there is no such peer.
  [[nodiscard]] Peer* find_peer(PeerId peer) const;
  [[nodiscard]] PeerRoute route(PeerId peer) const;
  // In the order of their creation. `visit` must not change the engine.
  void for_each_peer(const std::function<void(Peer&)>& visit) const;

  // For the packet path, inside a Grace section. The snapshot is never null.
  [[nodiscard]] const Published<const AllowedIps>& allowed_ips() const { return allowed_ips_; }
  [[nodiscard]] const IndexTable& sessions() const { return indices_; }

  // As IndexTable::observe().
  void observe_sessions(SessionObserver* observer) { indices_.observe(observer); }

 private:
  struct KeyHash {
    // Keys of configured peers only: nobody outside chooses them.
    std::size_t operator()(const PublicKey& key) const { return load_le64(key.data()); }
  };

  // engine.cpp
  [[nodiscard]] PeerRecord* find(PeerId peer) const;
  void rearm(PeerRecord& peer, Instant now);
  void expire(PeerRecord& peer, const Moment& at);
  void send_keepalive(PeerRecord& peer, const Moment& at);
  void session_ready(PeerRecord& peer, bool is_initiator, const Moment& at);
  void set_route(PeerRecord& peer, const PeerRoute& route);
  void forget_source(PeerRecord& peer);
  void purge_staged(PeerRecord& peer, xm_drop reason);
  void clear_keys(PeerRecord& peer);
  void reclaim(Instant now);

  // engine_config.cpp
  [[nodiscard]] Status apply_peer(PeerChange& change, const Moment& at);
  [[nodiscard]] Result<PeerRecord*> add_peer(const PublicKey& key, const Moment& at);
  void change_allowed_ips(PeerRecord& peer, const PeerChange& change);
  void change_keepalive(PeerRecord& peer, std::uint16_t seconds, const Moment& at);
  void set_private_key(Key key);
  void remove_peer(PeerRecord& peer);
  void publish_changes(const Moment& at);
  [[nodiscard]] PeerView view_of(const PeerRecord& peer) const;

  // engine_handshake.cpp
  void want_handshake(PeerRecord& peer, const Moment& at);
  void initiate(PeerRecord& peer, const Moment& at);
  void clear_pending(PeerRecord& peer);
  [[nodiscard]] bool passes_cookie_check(Bytes datagram, const Source& source, HandshakeQueue queue,
                                         Instant now);
  void on_initiation(const MessageInitiation& message, const Source& source, const Moment& at);
  void on_response(const MessageResponse& message, const Source& source, const Moment& at);
  void on_cookie_reply(const MessageCookieReply& message, Instant now);
  void note_arrival(PeerRecord& peer, std::size_t length, const Source& source, Instant now);
  void send_message(PeerRecord& peer, Bytes message, Instant now);

  Grace& grace_;
  Random& random_;
  DropCounters& drops_;

  LocalStatic local_;
  bool is_up_ = false;
  CookieChecker cookie_checker_;
  RateLimiter limiter_;
  HandshakeLoad load_;

  Published<const AllowedIps> allowed_ips_;
  AllowedIpsTable allowed_ips_table_;
  bool allowed_ips_changed_ = false;
  IndexTable indices_;

  PeerId last_id_ = 0;
  std::map<PeerId, std::unique_ptr<PeerRecord>> peers_;
  std::unordered_map<PublicKey, PeerRecord*, KeyHash> by_key_;
  // Removed by the change at hand, but still in the published allowed IPs.
  std::vector<std::unique_ptr<Peer>> removed_;
  // Had a session, or want one for a keepalive, under the private key that has just been replaced.
  std::vector<PeerId> to_rekey_;

  Deadlines deadlines_;
  Instant reclaim_at_ = kFarFuture;  // something waits in Grace
  std::vector<Action> actions_;
};

}  // namespace xm
