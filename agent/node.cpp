#include "agent/node.hpp"

#include <sys/signalfd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

#include "agent/node_tokens.hpp"
#include "xdpmesh/log.hpp"

namespace xm {
namespace {

// How often the peers are ranked by traffic while there is some.
constexpr Duration kRankInterval = 1s;
// How long to go on ranking after a peer has lost its connected socket.
constexpr Duration kRankAfterLoss = 10s;
// How often a port that was taken when the interface came up is tried again.
constexpr Duration kBindRetryInterval = 1s;
// How soon to look again at sockets that workers are letting go of.
constexpr Duration kReapInterval = 20ms;

}  // namespace

namespace {

int run(const NodeOptions& options, std::optional<MeshSetup> mesh,
        const std::function<void(const Status&)>& ready) {
  auto node = Node::create(options, std::move(mesh));
  if (!node) {
    ready(node.error());
    return 1;
  }
  ready({});
  (*node)->run();
  return 0;
}

}  // namespace

int run_node(const NodeOptions& options, const std::function<void(const Status&)>& ready) {
  return run(options, std::nullopt, ready);
}

int run_mesh_node(const NodeOptions& options, MeshSetup setup,
                  const std::function<void(const Status&)>& ready) {
  return run(options, std::move(setup), ready);
}

void Node::run() {
  follow_link(moment());
  service_.ready();
  bool more = false;
  while (!stopping_) {
    wake_->arm();
    Moment at = moment();
    more = core_->turn(at) || more;  // what was posted before the bell was armed
    const auto events =
        more ? poller_.wait(Duration::zero()) : poller_.wait_until(next_wake_up(), at.now);
    wake_->disarm();
    at = moment();
    for (const Poller::Ready& event : events) serve(event.token, at);
    more = core_->turn(at);
    tend_sockets(at);
    if (mesh_) mesh_->tend(at);
    tend_mark(at);
    tend_pulse(at.now);
  }
  if (mesh_) mesh_->leave(moment());
  service_.stopping();
  log::info("stopped");
}

Instant Node::next_wake_up() const {
  const Instant now = clock_.now();
  Instant next = std::min(
      {engine_.next_deadline(), network_->due(), retry_bind_at_, rank_at_, steering_->due()});
  if (mesh_) next = std::min(next, mesh_->due());
  if (pulse_) next = std::min({next, pulse_->due(), service_.due()});
  if (sockets_wait_) next = std::min(next, now + kReapInterval);
  if (link_->interval() != Duration::max()) next = std::min(next, now + link_->interval());
  return next;
}

void Node::serve(Poller::Token token, const Moment& at) {
  switch (token) {
    case node_token::kSignals:
      return take_signal();
    case node_token::kLink:
      return follow_link(at);
    case node_token::kNetwork:
      return network_->read(at.now);
    case node_token::kUapi:
      return uapi_->dispatch(at.now);
    case node_token::kControl:
      return control_->dispatch(at.now);
    case node_token::kMetrics:
      return metrics_->dispatch(at.now);
    case node_token::kMeshFiles:
      return mesh_->read_files(at);
    case node_token::kMeshNames:
      return mesh_->read_names(at);
    case node_token::kMeshLan:
      return mesh_->read_lan(at);
    default:
      return;  // the bell: the turn that follows is the answer
  }
}

void Node::take_signal() {
  signalfd_siginfo signal{};
  while (read(signals_.get(), &signal, sizeof signal) == sizeof signal) {
    if (signal.ssi_signo != SIGHUP || !mesh_) {
      stopping_ = true;
    } else {
      log::info("SIGHUP: trust and configuration are read again");
      mesh_->reload(moment());
    }
  }
}

void Node::follow_link(const Moment& at) {
  const LinkChanges changes = link_->refresh();
  const LinkState& state = link_->state();
  if (state.gone) {
    log::info("TUN device was deleted: stopping");
    stopping_ = true;
    return;
  }
  if (state.mtu != 0 && state.mtu != mtu_.load(std::memory_order_relaxed)) {
    mtu_.store(state.mtu, std::memory_order_relaxed);
  }
  // In another network namespace the name is somebody else's, or nobody's, here.
  if (state.mtu != 0 && !state.elsewhere && (changes.mtu || changes.moved || !is_up_)) {
    if (Status fitted = tun_.fit_gso_to_mtu(state.name, state.mtu); !fitted) {
      log::verbose("gso_max_size: " + fitted.error().what);
    }
  }
  if (state.up && !is_up_) bring_up(at);
  if (!state.up) retry_bind_at_ = kFarFuture;
  if (!state.up && is_up_) take_down(at);
}

void Node::follow_network(const Moment& at) {
  if (!network_->take_change(at.now)) return;
  steering_->network_changed();
  if (steering_->holds_some()) own_addresses_.look();
  choose_routes_anew(at);
  if (mesh_ && is_up_) mesh_->network_changed(listen_port_, at);
}

void Node::choose_routes_anew(const Moment& at) {
  engine_.clear_sources();
  core_->carry_out(at);
  sockets_->reconnect_all();
  core_->publish_all_paths();
}

void Node::bring_up(const Moment& at) {
  const bool is_retry = retry_bind_at_ != kFarFuture;
  retry_bind_at_ = kFarFuture;
  if (Status opened = sockets_->open(listen_port_, udp_options()); !opened) {
    if (!is_retry) {
      log::error("interface is up, but " + opened.error().what + "; trying again every second");
    }
    retry_bind_at_ = at.now + kBindRetryInterval;
    return;
  }
  is_up_ = true;
  listen_port_ = sockets_->listeners()->port();
  tell_steering();
  core_->publish_all_paths();
  engine_.set_interface_up(true, at);
  core_->carry_out(at);
  if (mesh_) mesh_->network_changed(listen_port_, at);
  log::verbose("interface is up, listening on port " + std::to_string(listen_port_));
}

void Node::take_down(const Moment& at) {
  is_up_ = false;
  retry_bind_at_ = kFarFuture;
  engine_.set_interface_up(false, at);
  core_->carry_out(at);
  tell_steering();
  sockets_->close();
  core_->publish_all_paths();
  if (mesh_) mesh_->network_changed(0, at);
  log::verbose("interface is down");
}

// While the interface is up the old port goes on working until the new one is open. While it is
// down the port is only tried, so that a taken one is an error now and not later.
Status Node::change_port(std::uint16_t port) {
  if (port == listen_port_ && (port != 0 || !is_up_)) return {};
  if (!is_up_) {
    auto trial = UdpListeners::open(port, udp_options(), syscalls_);
    if (!trial) return trial.error();
    listen_port_ = port;
    return {};
  }
  if (Status opened = sockets_->open(port, udp_options()); !opened) return opened;
  listen_port_ = sockets_->listeners()->port();
  tell_steering();
  engine_.clear_sources();
  core_->publish_all_paths();
  return {};
}

// Before what the engine wants sent has left: a program with the old key would drop the answers.
void Node::tell_steering() {
  steering_->set_terms(is_up_ ? listen_port_ : std::uint16_t{0}, engine_.public_key());
}

// While nothing comes by AF_XDP nobody asks for our addresses.
Result<AttachReply> Node::attach(const AttachRequest& request) {
  own_addresses_.look();
  return steering_->attach(request, clock_.now());
}

Result<DetachReply> Node::detach(const std::string& interface) {
  return steering_->detach(interface);
}

void Node::stop() {
  log::info("asked by the control socket to stop");
  stopping_ = true;
}

std::vector<AttachmentStatus> Node::attachments() {
  return steering_->attachments(clock_.now());
}

Status Node::apply(InterfaceChange&& change) {
  if (mesh_) {
    return Error{
        "this interface is a mesh's, configured by its file: change that, it is read again "
        "by itself",
        EPERM};
  }
  const Moment at = moment();
  if (change.listen_port) {
    if (Status changed = change_port(*change.listen_port); !changed) return changed;
  }
  if (change.fwmark) {
    if (Status set = set_mark(*change.fwmark); !set) return set;
    tend_mark(at);
  }
  Status applied = engine_.apply(std::move(change), at);
  tell_steering();
  core_->carry_out(at);
  return applied;
}

Status Node::set_mark(std::uint32_t mark) {
  if (mark == mark_) return {};
  if (Status set = sockets_->set_mark(mark); !set) return set;
  mark_ = mark;
  has_new_mark_ = true;
  return {};
}

// The mark may lead along other routes.
void Node::tend_mark(const Moment& at) {
  if (std::exchange(has_new_mark_, false)) choose_routes_anew(at);
}

InterfaceView Node::view() {
  InterfaceView view = engine_.view();
  view.listen_port = listen_port_;
  view.fwmark = mark_;
  return view;
}

UdpOptions Node::udp_options() const {
  UdpOptions options;
  options.mark = mark_;
  options.busy_poll_microseconds = static_cast<int>(plan_.options.busy_poll_microseconds);
  return options;
}

void Node::tend_sockets(const Moment& at) {
  follow_network(at);
  if (link_->interval() != Duration::max()) follow_link(at);
  if (retry_bind_at_ <= at.now) bring_up(at);
  // Traffic that goes on raises no event by which to notice a peer that has lost its socket.
  const bool lost = sockets_->take_lost_connection();
  if (lost) rank_until_ = at.now + kRankAfterLoss;
  if ((core_->take_traffic_seen() || lost) && rank_at_ == kFarFuture) {
    rank_at_ = at.now + kRankInterval;
  }
  if (rank_at_ <= at.now) {
    rank_peers();
    const bool again = busy_.traffic() || at.now < rank_until_;
    rank_at_ = again ? at.now + kRankInterval : kFarFuture;
  }
  sockets_wait_ = sockets_->reap();
  if (steering_->due() <= at.now) steering_->tend(at.now, sockets_->lost());
  // A network namespace that ends takes the device along without an event to us.
  const auto saw_it_go = [](const auto& worker) { return worker->tun_is_gone(); };
  if (!stopping_ && std::any_of(workers_.begin(), workers_.end(), saw_it_go)) {
    log::info("TUN device was deleted: stopping");
    stopping_ = true;
  }
}

// The service manager hears of us only while every worker's loop turns; that ours does, it hears by
// this.
void Node::tend_pulse(Instant now) {
  if (!pulse_) return;
  pulse_->take(now);
  if (service_.due() <= now) service_.beat(now, pulse_->fault(now).empty());
}

void Node::rank_peers() {
  std::vector<BusySample> samples;
  engine_.for_each_peer([&](const Peer& peer) {
    const std::uint64_t bytes = peer.sent_bytes.load(std::memory_order_relaxed) +
                                peer.received_bytes.load(std::memory_order_relaxed);
    samples.push_back({peer.id, bytes, sockets_->is_connected(peer.id)});
  });
  const BusyChanges changes = busy_.update(samples);
  for (const PeerId peer : changes.disconnect) {
    sockets_->disconnect(peer);
    core_->publish_path(peer);
  }
  for (const PeerId peer : changes.connect) {
    const PeerRoute route = engine_.route(peer);
    if (route.is_set() && sockets_->connect(peer, route)) core_->publish_path(peer);
  }
}

}  // namespace xm
