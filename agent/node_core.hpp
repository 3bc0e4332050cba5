// Between the packet path and the protocol: what the workers post reaches the engine, and what the
// engine wants done is done. No descriptor, so a whole node runs in a test over fake edges.
#pragma once

#include <memory>
#include <vector>

#include "agent/path/control_port.hpp"
#include "agent/path/tx.hpp"
#include "agent/peer/engine.hpp"

namespace xm {

// Who knows the sockets. Implemented by NodeSockets, and by fakes.
class PathMaker {
 public:
  virtual ~PathMaker() = default;
  // Null when there is no socket for the route, or it is not set.
  [[nodiscard]] virtual std::unique_ptr<const SendPath> make_path(PeerId peer,
                                                                  const PeerRoute& route) = 0;
  // The socket for single messages along `route`; null when there is none.
  [[nodiscard]] virtual DatagramSocket* listener_for(const PeerRoute& route) = 0;
  // The peer is gone; its path is unpublished.
  virtual void forget(PeerId peer) = 0;
};

// Who knows where peers are, and what gossip and STUN say. Implemented by NodeMesh, and by fakes.
class MeshSide {
 public:
  virtual ~MeshSide() = default;
  // A datagram that is no WireGuard message. Read during the call.
  virtual void on_datagram(Bytes datagram, const Source& source, const Moment& at) = 0;
  // A packet waits for this peer, which has no endpoint.
  virtual void on_endpoint_wanted(PeerId peer, const Moment& at) = 0;
};

// Thread: the control thread.
class NodeCore {
 public:
  // All outlive this object. `ports` are the workers' and the control thread's own, to which `tx`
  // posts.
  NodeCore(Engine& engine, PathMaker& paths, Grace& grace, Tx& tx, PathCounters& counters,
           std::vector<ControlPort*> ports)
      : engine_(engine),
        paths_(paths),
        grace_(grace),
        tx_(tx),
        counters_(counters),
        ports_(std::move(ports)) {}

  // Null: there is no mesh. Outlives this object, or is taken back.
  void set_mesh(MeshSide* mesh) { mesh_ = mesh; }

  // Takes what the ports hold, each kind up to a bound so that a flood of one leaves time for
  // everything else, runs the timers, and carries out what follows. True when something is left.
  bool turn(const Moment& at);

  // Carries out what the engine wants after an input that the caller gave it.
  void carry_out(const Moment& at);

  // One datagram from the port; false, and counted, when there is no socket for it or the kernel
  // refuses. `tos`: the outer TOS or traffic class.
  [[nodiscard]] bool send_datagram(const PeerRoute& route, Bytes bytes, Instant now,
                                   std::uint8_t tos = 0);

  // Builds and publishes the peer's path from its route as it is now.
  void publish_path(PeerId peer);
  void publish_all_paths();

  // Whether packets have raised an event since the last call: there was traffic.
  [[nodiscard]] bool take_traffic_seen() { return std::exchange(traffic_seen_, false); }

 private:
  static constexpr std::size_t kHandshakesPerTurn = 64;
  static constexpr std::size_t kMeshPerTurn = 64;

  // True when something may be left.
  bool take_events_and_packets(ControlPort& port, const Moment& at);
  template <typename Datagram, typename Handle>
  bool take_in_turns(std::size_t most, const Handle& handle);
  bool take_handshakes(const Moment& at);
  bool take_mesh(const Moment& at);
  [[nodiscard]] HandshakeQueue fullest_queue() const;
  void perform(SendMessage& action, const Moment& at);
  void perform(SendKeepalive& action, const Moment& at);
  void perform(FlushStaged& action, const Moment& at);
  void perform(PathChanged& action, const Moment& at);
  void perform(PeerRemoved& action, const Moment& at);
  void perform(EndpointWanted& action, const Moment& at);

  Engine& engine_;
  PathMaker& paths_;
  Grace& grace_;
  Tx& tx_;
  PathCounters& counters_;
  std::vector<ControlPort*> ports_;
  MeshSide* mesh_ = nullptr;
  bool traffic_seen_ = false;
};

}  // namespace xm
