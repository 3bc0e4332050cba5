// The node's UDP sockets: the listening pair, which worker receives on what, and connected sockets
// for the busiest peers.
//
// At most 64 peers have a connected socket: beside a thousand of them the kernel needs ten times as
// long to find the listener for everybody else's packets. The rest, and all new peers, go through
// the listeners.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "agent/io/udp_listeners.hpp"
#include "agent/node_core.hpp"
#include "agent/path/worker.hpp"
#include "agent/peer/peer.hpp"
#include "xdpmesh/grace.hpp"

namespace xm {

// Thread: the control thread.
class NodeSockets final : public PathMaker {
 public:
  static constexpr std::size_t kMaxConnected = 64;

  // `workers` outlive this object and are stopped before it is destroyed.
  NodeSockets(Grace& grace, Syscalls& syscalls, std::vector<Worker*> workers)
      : grace_(grace), syscalls_(syscalls), workers_(std::move(workers)) {}

  // Opens the pair on `port` (0: any) and gives it to the workers; what was open before is closed,
  // but only when that succeeds. Every path must be made anew afterwards.
  [[nodiscard]] Status open(std::uint16_t port, const UdpOptions& options);
  // Likewise: first every peer's path is taken away.
  void close();

  [[nodiscard]] bool is_open() const { return current_ != nullptr; }
  [[nodiscard]] const UdpListeners* listeners() const {
    return is_open() ? current_->listeners.get() : nullptr;
  }
  // Of all that are open, those on their way out too: a sender may hold them still.
  [[nodiscard]] Status set_mark(std::uint32_t mark);

  // Over the peer's connected socket if it has one (which is then moved there), else over a
  // listener.
  [[nodiscard]] std::unique_ptr<const SendPath> make_path(PeerId peer,
                                                          const PeerRoute& route) override;
  [[nodiscard]] DatagramSocket* listener_for(const PeerRoute& route) override;
  void forget(PeerId peer) override { disconnect(peer); }

  // Gives `peer` a connected socket; false when there is no room or the kernel refuses. Its path
  // must be made anew when true.
  [[nodiscard]] bool connect(PeerId peer, const PeerRoute& route);
  // Takes it away; its path has been replaced by one that does not use it, or by none.
  void disconnect(PeerId peer);
  [[nodiscard]] bool is_connected(PeerId peer) const {
    return is_open() && current_->connected.contains(peer);
  }
  [[nodiscard]] std::size_t connected_count() const {
    return is_open() ? current_->connected.size() : 0;
  }

  // Datagrams that the sockets that are open now had no room for.
  [[nodiscard]] std::uint64_t lost() const;

  // True once after a peer has lost its connected socket otherwise than by disconnect().
  [[nodiscard]] bool take_lost_connection() { return std::exchange(lost_connection_, false); }

  // The network around us has changed: connected sockets take their route and source anew. Every
  // path must be made anew afterwards.
  void reconnect_all();

  // Destroys what the workers have let go of. To be called now and then; true when some still
  // waits.
  bool reap();

 private:
  struct Connected {
    std::unique_ptr<UdpSocket> socket;
    std::size_t worker = 0;
    PeerRoute route;
  };
  // A connected socket on its way out: received on as before until no sender can hold its path,
  // then turned away from, emptied by its worker, and destroyed, so that no datagram is lost with
  // it.
  struct Closing {
    std::unique_ptr<UdpSocket> socket;
    std::size_t worker = 0;
    std::uint64_t period = 0;  // of Grace; 0: the path may still be published
    std::uint64_t ticket = 0;  // the worker's; 0: not yet taken back
  };
  // The sockets of one port; the connected ones go before their listeners.
  struct Generation {
    std::unique_ptr<UdpListeners> listeners;
    std::map<PeerId, Connected> connected;
    std::list<Closing> closing;
    std::vector<std::pair<std::size_t, std::uint64_t>> listener_tickets;
  };

  [[nodiscard]] static Status set_mark(Generation& generation, std::uint32_t mark);
  // Waits, half a second at most, until closed sockets have given back their port.
  void settle();
  [[nodiscard]] bool past_is_gone();
  void give(Generation& generation);
  void withdraw(std::unique_ptr<Generation> generation);
  void start_closing(Generation& generation, Connected connected);
  [[nodiscard]] bool reap(Generation& generation);
  [[nodiscard]] bool advance(Closing& closing);
  [[nodiscard]] bool move(Connected& connected, const PeerRoute& route);
  [[nodiscard]] std::size_t least_loaded_worker() const;

  Grace& grace_;
  Syscalls& syscalls_;
  std::vector<Worker*> workers_;
  std::unique_ptr<Generation> current_;
  std::list<std::unique_ptr<Generation>> past_;
  bool lost_connection_ = false;
};

}  // namespace xm
