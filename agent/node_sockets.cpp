#include "agent/node_sockets.hpp"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "xdpmesh/log.hpp"

namespace xm {
namespace {

constexpr int kSettleRounds = 500;
constexpr std::chrono::milliseconds kSettlePause{1};

}  // namespace

Status NodeSockets::open(std::uint16_t port, const UdpOptions& options) {
  settle();
  auto listeners = UdpListeners::open(port, options, syscalls_);
  if (!listeners) return listeners.error();
  auto generation = std::make_unique<Generation>();
  generation->listeners = std::move(*listeners);
  give(*generation);
  withdraw(std::exchange(current_, std::move(generation)));
  return {};
}

void NodeSockets::close() {
  withdraw(std::exchange(current_, nullptr));
}

// IPv4 and IPv6 each have one receiver, so that a peer's packets stay in order; with two workers
// they are two.
void NodeSockets::give(Generation& generation) {
  if (UdpSocket* const v4 = generation.listeners->v4()) workers_.front()->add_socket(*v4);
  if (UdpSocket* const v6 = generation.listeners->v6()) {
    workers_[1 % workers_.size()]->add_socket(*v6);
  }
}

void NodeSockets::withdraw(std::unique_ptr<Generation> generation) {
  if (generation == nullptr) return;
  lost_connection_ = lost_connection_ || !generation->connected.empty();
  for (auto& [peer, connected] : generation->connected) {
    start_closing(*generation, std::move(connected));
  }
  generation->connected.clear();
  const auto take_back = [&](std::size_t worker, UdpSocket* socket) {
    if (socket == nullptr) return;
    generation->listener_tickets.emplace_back(worker, workers_[worker]->remove_socket(*socket));
  };
  take_back(0, generation->listeners->v4());
  take_back(1 % workers_.size(), generation->listeners->v6());
  past_.push_back(std::move(generation));
}

Status NodeSockets::set_mark(std::uint32_t mark) {
  for (const auto& generation : past_) {
    if (Status set = set_mark(*generation, mark); !set) return set;
  }
  return is_open() ? set_mark(*current_, mark) : Status();
}

Status NodeSockets::set_mark(Generation& generation, std::uint32_t mark) {
  if (Status set = generation.listeners->set_mark(mark); !set) return set;
  for (auto& [peer, connected] : generation.connected) {
    if (Status set = connected.socket->set_mark(mark); !set) return set;
  }
  for (Closing& closing : generation.closing) {
    if (Status set = closing.socket->set_mark(mark); !set) return set;
  }
  return {};
}

DatagramSocket* NodeSockets::listener_for(const PeerRoute& route) {
  if (!is_open() || !route.is_set()) return nullptr;
  return current_->listeners->of_family(route.remote.address.family);
}

std::unique_ptr<const SendPath> NodeSockets::make_path(PeerId peer, const PeerRoute& route) {
  DatagramSocket* socket = listener_for(route);
  if (socket == nullptr) return nullptr;
  if (const auto found = current_->connected.find(peer); found != current_->connected.end()) {
    if (move(found->second, route)) {
      socket = found->second.socket.get();
    } else {
      start_closing(*current_, std::move(found->second));
      current_->connected.erase(found);
      lost_connection_ = true;
    }
  }
  auto path = std::make_unique<SendPath>();
  path->remote = route.remote;
  path->local = route.local;
  path->interface_index = route.interface_index;
  path->socket = socket;
  path->listeners = {current_->listeners->v4(), current_->listeners->v6()};
  return path;
}

// A connected socket follows its peer where it can: not to another address family, and not to
// another local address, to which it would have to be bound anew.
bool NodeSockets::move(Connected& connected, const PeerRoute& route) {
  if (connected.route == route) return true;
  const bool bound_right = connected.route.local == route.local ||
                           connected.route.local.family == IpAddress::Family::none;
  if (route.remote.address.family != connected.socket->family() || !bound_right) return false;
  if (connected.route.remote != route.remote) {
    if (Status moved = connected.socket->reconnect(route.remote); !moved) {
      log::verbose("connected socket to " + route.remote.to_string() +
                   " closed: " + moved.error().what);
      return false;
    }
  }
  connected.route = route;
  return true;
}

bool NodeSockets::connect(PeerId peer, const PeerRoute& route) {
  if (!is_open() || is_connected(peer) || current_->connected.size() >= kMaxConnected) return false;
  auto socket =
      current_->listeners->open_connected(route.remote, route.local, route.interface_index);
  if (!socket) {
    log::verbose("no connected socket to " + route.remote.to_string() + ": " + socket.error().what);
    return false;
  }
  const std::size_t worker = least_loaded_worker();
  workers_[worker]->add_socket(**socket);
  current_->connected.emplace(peer, Connected{std::move(*socket), worker, route});
  return true;
}

void NodeSockets::disconnect(PeerId peer) {
  if (!is_open()) return;
  const auto found = current_->connected.find(peer);
  if (found == current_->connected.end()) return;
  start_closing(*current_, std::move(found->second));
  current_->connected.erase(found);
}

std::uint64_t NodeSockets::lost() const {
  if (!is_open()) return 0;
  std::uint64_t lost = 0;
  for (const UdpSocket* const socket : {current_->listeners->v4(), current_->listeners->v6()}) {
    if (socket != nullptr) lost += socket->dropped();
  }
  for (const auto& [peer, connected] : current_->connected) lost += connected.socket->dropped();
  return lost;
}

void NodeSockets::reconnect_all() {
  if (!is_open()) return;
  for (auto it = current_->connected.begin(); it != current_->connected.end();) {
    if (it->second.socket->reconnect(it->second.route.remote)) {
      ++it;
    } else {
      start_closing(*current_, std::move(it->second));
      it = current_->connected.erase(it);
      lost_connection_ = true;
    }
  }
}

void NodeSockets::start_closing(Generation& generation, Connected connected) {
  generation.closing.push_back({.socket = std::move(connected.socket),
                                .worker = connected.worker,
                                .period = 0,
                                .ticket = 0});
}

std::size_t NodeSockets::least_loaded_worker() const {
  std::vector<std::size_t> load(workers_.size(), 0);
  for (const auto& [peer, connected] : current_->connected) ++load[connected.worker];
  return static_cast<std::size_t>(std::min_element(load.begin(), load.end()) - load.begin());
}

// The workers let go within a batch; one that waits for room in a send queue needs a little longer.
void NodeSockets::settle() {
  for (int i = 0; i < kSettleRounds && !past_is_gone(); ++i) {
    std::this_thread::sleep_for(kSettlePause);
    (void)reap();
  }
}

bool NodeSockets::past_is_gone() {
  return past_.empty() && grace_.reclaim() == 0;
}

bool NodeSockets::reap() {
  bool waiting = current_ != nullptr && !reap(*current_);
  for (auto it = past_.begin(); it != past_.end();) {
    if (reap(**it)) {
      grace_.retire(std::move(*it));
      it = past_.erase(it);
    } else {
      waiting = true;
      ++it;
    }
  }
  return grace_.reclaim() > 0 || waiting;
}

// True when no worker receives on anything of it that was taken back.
bool NodeSockets::reap(Generation& generation) {
  generation.closing.remove_if([&](Closing& closing) { return advance(closing); });
  return generation.closing.empty() &&
         std::all_of(
             generation.listener_tickets.begin(), generation.listener_tickets.end(),
             [&](const auto& entry) { return workers_[entry.first]->released() >= entry.second; });
}

// One step a call; true when the socket can be destroyed.
bool NodeSockets::advance(Closing& closing) {
  if (closing.period == 0) {
    closing.period = grace_.start_period();
  } else if (closing.ticket == 0 && grace_.has_passed(closing.period)) {
    closing.socket->turn_away();
    closing.ticket = workers_[closing.worker]->remove_socket(*closing.socket);
  }
  return closing.ticket != 0 && workers_[closing.worker]->released() >= closing.ticket;
}

}  // namespace xm
