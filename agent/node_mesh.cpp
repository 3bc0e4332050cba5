#include "agent/node_mesh.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "agent/io/routing_rules.hpp"
#include "agent/wire/demultiplex.hpp"
#include "xdpmesh/log.hpp"

namespace xm {
namespace {

// How often the data plane is asked whom it has heard, while the mesh has something to do anyway.
constexpr Duration kHeardInterval = 200ms;
constexpr Duration kKeepaliveInterval = 1s;
// What was refused may have been mended meanwhile.
constexpr Duration kNetworkRetry = 10s;

}  // namespace

NodeMesh::NodeMesh(MeshSetup setup, Edges edges)
    : setup_(std::move(setup)),
      keys_(setup_.place.directory),
      incarnations_(setup_.place.state + "/incarnation"),
      versions_(setup_.place.state + "/record-version"),
      salt_(setup_.place.state + "/salt"),
      engine_(edges.engine),
      core_(edges.core),
      network_(std::move(edges.network)),
      set_mark_(std::move(edges.set_mark)),
      endpoints_(setup_.place.interface, edges.random),
      peers_(edges.engine),
      hosts_(setup_.place.interface),
      memory_(setup_.place.state + "/members") {
  MeshOptions options = mesh_options(setup_.config);
  if (const auto salt = salt_.load()) {
    options.wishes.salt = static_cast<std::uint32_t>(salt.value());
  }
  mesh_ = std::make_unique<Mesh>(setup_.key, options, MeshCounters{incarnations_, versions_},
                                 edges.random);
}

Result<std::unique_ptr<NodeMesh>> NodeMesh::start(MeshSetup setup, Edges edges, const Moment& at) {
  std::unique_ptr<NodeMesh> node(new NodeMesh(std::move(setup), std::move(edges)));
  if (Status begun = node->begin(at); !begun) return begun.error();
  return node;
}

NodeMesh::~NodeMesh() {
  core_.set_mesh(nullptr);
  if (Status removed = network_->remove_all(); !removed) log::verbose(removed.error().what);
}

Status NodeMesh::begin(const Moment& at) {
  if (Status made = keys_.create(); !made) return made;
  auto files = FileWatcher::open({.directory = setup_.place.directory,
                                  .files = {setup_.place.interface + ".toml", "node.certificate"},
                                  .folders = {"authorized_keys", "orgs", "revocations"}});
  if (!files) return files.error();
  files_ = std::make_unique<FileWatcher>(std::move(*files));
  if (setup_.config.lan_discovery) {
    auto lan = LanListener::open(setup_.place.interface);
    if (!lan) return lan.error();
    lan_ = std::move(*lan);
  }
  auto names = MeshNames::create();
  if (!names) return names.error();
  names_ = std::move(*names);

  InterfaceChange change;
  change.private_key = x25519_of(setup_.key);
  if (Status applied = engine_.apply(std::move(change), at); !applied) return applied;
  peers_.set_static(std::move(setup_.static_peers), at);
  memory_.load();
  if (Status started = mesh_->start(load_trust(), load_chain(), at); !started) return started;
  core_.set_mesh(this);
  // Its packets have somewhere to go from here on.
  if (Status up = network_->bring_up(); !up) return up;
  carry_out(at);
  log::info("mesh " + setup_.config.mesh + ": this node is " + mesh_->self().to_string());
  return {};
}

// --- inputs --------------------------------------------------------------------------------------

void NodeMesh::on_datagram(Bytes datagram, const Source& source, const Moment& at) {
  if (has_left_) return;
  answering_ = &source;
  if (datagram_kind(datagram) == DatagramKind::stun) {
    endpoints_.on_stun(datagram, source.remote, at.now);
    send_requests(at);
  } else {
    mesh_->receive(datagram, source.remote, at);
  }
  carry_out(at);
  answering_ = nullptr;
}

void NodeMesh::on_endpoint_wanted(PeerId peer, const Moment& at) {
  const auto identity = peers_.identity_of(peer);
  if (!identity) return;
  paths_.need(*identity, at.now);
  // Gossip knows a way, or finds one: then the member has our record before our handshake.
  if (mesh_->gossip().has_session(*identity)) {
    peers_.verified(*identity, mesh_->gossip().endpoint_of(*identity), at);
    return;
  }
  mesh_->want_session(*identity, at);
  carry_out(at);
}

void NodeMesh::network_changed(std::uint16_t port, const Moment& at) {
  const bool was_closed = std::exchange(port_, port) == 0;
  if (port == 0) return;
  endpoints_.network_changed(port, at.now);
  for (const auto& [member, standing] : mesh_->roster().all()) offer_candidates(member, at.now);
  paths_.network_changed(at.now);
  if (was_closed) {
    names_->set(setup_.config, at.now);
    if (lan_) lan_at_ = at.now;
    for (const MemberPlace& place : memory_.places()) (void)contact_remembered(place, at);
    follow_plan(at);
  } else {
    names_->ask_again(at.now);
    set_network(at.now);  // others may have changed what is ours
  }
  send_requests(at);
  carry_out(at);
}

void NodeMesh::tend(const Moment& at) {
  if (has_left_) return;
  if (files_->take_change(at.now)) reload(at);
  if (names_->next_deadline() <= at.now) names_->on_timers(at.now);
  if (endpoints_.next_deadline() <= at.now) endpoints_.on_timers(at.now);
  send_requests(at);
  if (keepalives_at_ <= at.now) tend_keepalives(at);
  if (lan_at_ <= at.now) greet_lan(at);
  if (network_at_ <= at.now) set_network(at.now);
  if (paths_.next_deadline() <= at.now) paths_.on_timers(at.now);
  hosts_.tend(setup_.config.hosts_file, *mesh_, at.now);
  memory_.tend(*mesh_, at.now);
  if (mesh_->next_deadline() <= at.now) {
    tell_heard(at);
    mesh_->on_timers(at);
  }
  carry_out(at);
}

Instant NodeMesh::due() const {
  if (has_left_) return kFarFuture;
  return std::min({mesh_->next_deadline(), endpoints_.next_deadline(), names_->next_deadline(),
                   files_->due(), paths_.next_deadline(), keepalives_at_, lan_at_, network_at_,
                   hosts_.due(), memory_.due()});
}

void NodeMesh::leave(const Moment& at) {
  memory_.save(*mesh_);
  mesh_->leave(at);
  carry_out(at);
  has_left_ = true;
}

// What the data plane has authenticated is as good as an answer to a ping.
void NodeMesh::tell_heard(const Moment& at) {
  if (at.now - heard_at_ < kHeardInterval) return;
  heard_at_ = at.now;
  for (const auto& [identity, endpoint] : peers_.take_heard()) {
    paths_.need(identity, at.now);
    paths_.heard(identity, endpoint, at.now);
    mesh_->heard(identity, endpoint, at);
  }
}

// --- what is to be done --------------------------------------------------------------------------

void NodeMesh::carry_out(const Moment& at) {
  do {
    if (endpoints_.take_changed()) mesh_->set_endpoints(endpoints_.list(), at);
    for (MeshAction& action : mesh_->take_actions()) perform(action, at);
    // Which address of each member is the best.
    for (const MeshPaths::Probe& probe : paths_.take_probes()) {
      mesh_->probe(probe.member, probe.endpoint, at);
    }
    for (const MeshPaths::Use& use : paths_.take_uses()) {
      mesh_->use_endpoint(use.member, use.endpoint, at);
      peers_.use(use.member, use.endpoint, at);
    }
  } while (mesh_->has_actions());
  core_.carry_out(at);
}

// Whether a NAT must be kept open on the way to each member.
void NodeMesh::tend_keepalives(const Moment& at) {
  keepalives_at_ = at.now + kKeepaliveInterval;
  paths_.set_nat(endpoints_, at.now);
  for (const Identity& member : peers_.all()) {
    const bool wants = paths_.wants_keepalive(member);
    peers_.set_keepalive(member, wants ? setup_.config.keepalive_seconds : std::uint16_t{0}, at);
  }
}

void NodeMesh::perform(MeshAction& action, const Moment& at) {
  struct Handler {
    NodeMesh& node;
    const Moment& at;

    void operator()(const SendDatagram& send) const { node.send(send.to, send.bytes, at.now); }
    void operator()(const EndpointVerified& verified) const {
      node.paths_.verified(verified.identity, verified.endpoint, 0ns, at.now);
      node.paths_.roamed(verified.identity, verified.endpoint, at.now);
      node.peers_.verified(verified.identity, verified.endpoint, at);
      node.memory_.note(at.now);
    }
    void operator()(const ProbeAnswered& answered) const {
      node.paths_.verified(answered.identity, answered.endpoint, answered.round_trip, at.now);
    }
    void operator()(const SessionBegan& session) const { node.on_session(session, at); }
    void operator()(const MemberChanged& change) const { node.on_member(change, at); }
    void operator()(const TrySeed&) const { node.contact_next_seed(at); }
    void operator()(const EndpointObserved& observed) const {
      node.endpoints_.observe(observed.by, observed.address, at.now);
    }
    void operator()(const PlanChanged&) const { node.follow_plan(at); }
    void operator()(const RevocationLearnt& learnt) const { node.keep(learnt.revocation); }
    void operator()(const SaltChanged& salt) const {
      if (Status saved = node.salt_.save(salt.salt); !saved) log::error(saved.error().what);
    }
  };
  std::visit(Handler{*this, at}, action);
}

void NodeMesh::on_member(const MemberChanged& change, const Moment& at) {
  log::verbose("mesh: " + change.identity.short_text() + ": " +
               std::string(member_change_name(change.change)));
  hosts_.note(at.now);
  memory_.note(at.now);
  if (change.change == MemberChange::forgotten) {
    endpoints_.forget(change.identity);
    paths_.forget(change.identity);
    return;
  }
  if (change.change == MemberChange::suspect) paths_.lost(change.identity, at.now);
  const bool is_record =
      change.change == MemberChange::joined || change.change == MemberChange::record;
  if (is_record) offer_candidates(change.identity, at.now);
}

// What of a member's record may be tried, what is on a network of ours first.
void NodeMesh::offer_candidates(const Identity& member, Instant now) {
  const Standing* const standing = mesh_->roster().find(member);
  if (standing == nullptr) return;
  paths_.set_candidates(
      member,
      usable_candidates(standing->record.endpoints, mesh_->roster().inside(), endpoints_.on_link()),
      now);
}

void NodeMesh::follow_plan(const Moment& at) {
  const MeshPlan& plan = mesh_->plan();
  for (const Identity& added : peers_.follow(plan, at)) {
    if (mesh_->gossip().has_session(added)) on_session({added}, at);
    if (setup_.config.eager_sessions) mesh_->want_session(added, at);
  }
  // Whose key no member has any more.
  for (std::size_t peer = 0; peer < names_->peers().size(); ++peer) place_peer(peer, at);
  hosts_.note(at.now);
  endpoints_.set_inside(mesh_->roster().inside());
  set_network(at.now);
}

// Routes need the interface up, which it may not be any more: the next change finds it so.
//
// What leads to members must not take a default route through one of them: the sockets have their
// mark before there can be one, and until it is certain that there is none.
void NodeMesh::set_network(Instant now) {
  std::string faults;
  const auto note = [&](const Status& set) {
    if (!set) faults += (faults.empty() ? "" : "; ") + set.error().what;
    return set.ok();
  };
  const bool accepts_default = setup_.config.accept_default;
  const bool is_marked = accepts_default && note(set_mark_(kOwnMark));
  std::vector<Prefix> routes = mesh_->plan().routes;
  if (!is_marked) std::erase_if(routes, [](const Prefix& route) { return route.length == 0; });
  note(network_->set_addresses(mesh_->plan().addresses));
  const bool is_routed = note(network_->set_routes(routes));
  if (!accepts_default && is_routed) note(set_mark_(0));
  if (!faults.empty() && faults != network_fault_) log::error("mesh: " + faults);
  network_fault_ = faults;
  network_at_ = faults.empty() ? kFarFuture : now + kNetworkRetry;
}

void NodeMesh::on_session(const SessionBegan& session, const Moment& at) {
  const Identity& member = session.identity;
  memory_.note(at.now);
  const Endpoint endpoint = mesh_->gossip().endpoint_of(member);
  if (endpoint.is_set()) paths_.verified(member, endpoint, 0ns, at.now);
  if (session.is_new_life) {
    peers_.began(member, endpoint, at);
  } else {
    peers_.verified(member, endpoint, at);
  }
  if (setup_.config.eager_sessions) peers_.shake_hands(member, at);
}

void NodeMesh::send_requests(const Moment& at) {
  for (auto requests = endpoints_.take_requests(); !requests.empty();
       requests = endpoints_.take_requests()) {
    for (const StunClient::Send& request : requests) {
      if (!core_.send_datagram({request.to, {}, 0}, request.bytes, at.now)) {
        endpoints_.send_failed(request.to, EIO, at.now);
      }
    }
  }
}

}  // namespace xm
