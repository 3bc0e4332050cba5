#include "agent/node_core.hpp"

#include <algorithm>
#include <utility>
#include <variant>

namespace xm {

bool NodeCore::turn(const Moment& at) {
  bool more = false;
  for (ControlPort* const port : ports_) more = take_events_and_packets(*port, at) || more;
  carry_out(at);
  more = take_handshakes(at) || more;
  more = take_mesh(at) || more;
  if (engine_.next_deadline() <= at.now) engine_.on_timers(at);
  carry_out(at);
  return more;
}

// One ring's worth of each: a worker that goes on posting must not keep us from handshakes.
bool NodeCore::take_events_and_packets(ControlPort& port, const Moment& at) {
  std::size_t events = 0;
  for (PeerEvent event; events < ControlPort::kEvents && port.take(event); ++events) {
    traffic_seen_ = true;
    engine_.on_event(event, at);
  }
  std::size_t packets = 0;
  for (StagedPacket packet; packets < ControlPort::kStaged && port.take(packet); ++packets) {
    engine_.stage(packet.peer, std::move(packet.bytes), at);
  }
  return events == ControlPort::kEvents || packets == ControlPort::kStaged;
}

// In turns from all ports, so that one worker's flood does not hide another's peers. True when
// something may be left.
template <typename Datagram, typename Handle>
bool NodeCore::take_in_turns(std::size_t most, const Handle& handle) {
  std::size_t taken = 0;
  bool found = true;
  while (found && taken < most) {
    found = false;
    for (ControlPort* const port : ports_) {
      Datagram datagram;
      if (!port->take(datagram)) continue;
      found = true;
      ++taken;
      handle(datagram);
    }
  }
  return found;
}

bool NodeCore::take_handshakes(const Moment& at) {
  return take_in_turns<HandshakeDatagram>(kHandshakesPerTurn, [&](const auto& datagram) {
    engine_.on_handshake(Bytes(datagram.bytes).first(datagram.length), datagram.source,
                         fullest_queue(), at);
    carry_out(at);
  });
}

bool NodeCore::take_mesh(const Moment& at) {
  return take_in_turns<MeshDatagram>(kMeshPerTurn, [&](const auto& datagram) {
    if (mesh_ != nullptr) mesh_->on_datagram(datagram.bytes, datagram.source, at);
  });
}

HandshakeQueue NodeCore::fullest_queue() const {
  HandshakeQueue fullest{0, ControlPort::kHandshakes};
  for (const ControlPort* const port : ports_) {
    fullest.waiting = std::max(fullest.waiting, port->handshakes_waiting());
  }
  return fullest;
}

void NodeCore::carry_out(const Moment& at) {
  for (std::vector<Action> actions = engine_.take_actions(); !actions.empty();
       actions = engine_.take_actions()) {
    for (Action& action : actions) {
      std::visit([&](auto& wanted) { perform(wanted, at); }, action);
    }
  }
}

void NodeCore::perform(SendMessage& action, const Moment& at) {
  (void)send_datagram(action.route, action.message(), at.now, action.tos);
}

bool NodeCore::send_datagram(const PeerRoute& route, Bytes bytes, Instant now, std::uint8_t tos) {
  SendPath path;
  path.remote = route.remote;
  path.local = route.local;
  path.interface_index = route.interface_index;
  path.socket = paths_.listener_for(route);
  if (path.socket == nullptr) {
    counters_.drops.count(XM_DROP_send_failed);
    return false;
  }
  SendRun run;
  run.path = &path;
  run.data = bytes.data();
  run.length = run.segment_size = static_cast<std::uint32_t>(bytes.size());
  run.tos = tos;
  path.socket->send(std::span(&run, 1), now);
  counters_.drops.count(run.lost_to_full_queue ? XM_DROP_send_queue_full : XM_DROP_send_failed,
                        run.lost);
  return run.lost == 0;
}

void NodeCore::perform(SendKeepalive& action, const Moment& at) {
  Peer* const peer = engine_.find_peer(action.peer);
  if (peer == nullptr) return;
  tx_.add_keepalive(*peer, at.now);
  tx_.flush(at.now);
}

void NodeCore::perform(FlushStaged& action, const Moment& at) {
  Peer* const peer = engine_.find_peer(action.peer);
  for (StagedPackets::Packet& packet : engine_.take_staged(action.peer)) {
    if (peer != nullptr) tx_.add_staged(*peer, packet, at.now);
  }
  tx_.flush(at.now);
}

void NodeCore::perform(PathChanged& action, const Moment& /*at*/) {
  publish_path(action.peer);
}

void NodeCore::perform(PeerRemoved& action, const Moment& /*at*/) {
  paths_.forget(action.peer);
}

void NodeCore::perform(EndpointWanted& action, const Moment& at) {
  if (mesh_ != nullptr) mesh_->on_endpoint_wanted(action.peer, at);
}

void NodeCore::publish_path(PeerId id) {
  Peer* const peer = engine_.find_peer(id);
  if (peer == nullptr) return;
  auto path = paths_.make_path(id, engine_.route(id));
  grace_.retire(std::unique_ptr<const SendPath>(peer->path.exchange(path.release())));
}

void NodeCore::publish_all_paths() {
  std::vector<PeerId> peers;
  engine_.for_each_peer([&](const Peer& peer) { peers.push_back(peer.id); });
  for (const PeerId peer : peers) publish_path(peer);
}

}  // namespace xm
