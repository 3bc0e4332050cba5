// Hellos to and from the local network, and the way of every datagram of the mesh to a socket.
#include "agent/node_mesh.hpp"
#include "agent/wire/demultiplex.hpp"

namespace xm {
namespace {

// While nobody is there, and when somebody is: another part of the mesh may be near.
constexpr Duration kLanAlone = 10s;
constexpr Duration kLanCalm = 120s;
// A stranger may send without end: so many a turn.
constexpr int kLanDatagramsPerTurn = 32;

}  // namespace

void NodeMesh::read_lan(const Moment& at) {
  if (lan_->refresh() && port_ != 0) lan_at_ = at.now;
  for (int taken = 0; taken < kLanDatagramsPerTurn; ++taken) {
    const auto datagram = lan_->receive();
    if (!datagram) break;
    if (datagram_kind(datagram->payload) != DatagramKind::gossip) continue;
    mesh_->receive(datagram->payload, datagram->source, at);
  }
  carry_out(at);
}

// Only who trusts an organisation asks strangers, and only its members answer.
void NodeMesh::greet_lan(const Moment& at) {
  lan_at_ = at.now + (mesh_->gossip().swim().members().up() == 0 ? kLanAlone : kLanCalm);
  mesh_->contact(std::nullopt, lan_group_v4(), at);
  for (const LanInterface& network : lan_->interfaces()) {
    if (network.v6) mesh_->contact(std::nullopt, lan_group_v6(network.index), at);
  }
}

// What answers a datagram leaves by the address that it came to; what goes to the group of IPv4
// leaves into every network.
void NodeMesh::send(const Endpoint& to, Bytes bytes, Instant now) {
  if (lan_ && to == lan_group_v4()) {
    for (const LanInterface& network : lan_->interfaces()) {
      if (network.v4) (void)core_.send_datagram({to, {}, network.index}, bytes, now);
    }
    return;
  }
  PeerRoute route{to, {}, 0};
  if (answering_ != nullptr && answering_->remote == to) {
    route.local = answering_->local;
    route.interface_index = answering_->interface_index;
  }
  (void)core_.send_datagram(route, bytes, now);
}

}  // namespace xm
