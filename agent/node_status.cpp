// What the node says about itself.
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "agent/crypto/x25519.hpp"
#include "agent/node.hpp"
#include "xdpmesh/network_namespace.hpp"

namespace xm {
namespace {

std::vector<NamedCount> named(const PathCounters& counters) {
  return {{"received_datagrams", counters.received_datagrams.value()},
          {"receive_batches", counters.receive_batches.value()},
          {"delivered_packets", counters.delivered_packets.value()},
          {"tun_writes", counters.tun_writes.value()},
          {"tun_reads", counters.tun_reads.value()},
          {"sent_datagrams", counters.sent_datagrams.value()},
          {"send_calls", counters.send_calls.value()}};
}

void add_drops(const DropCounters& drops, StatusView& view) {
  for (std::size_t i = 0; i < XM_DROP_COUNT; ++i) {
    view.drops[i] += drops.of(static_cast<xm_drop>(i));
  }
}

std::string engine_description(AeadKind kind) {
  auto engine = make_aead_engine(kind);
  return engine ? (*engine)->description() : std::string(aead_name(kind));
}

}  // namespace

std::string Node::tunnel_name() const {
  return link_ == nullptr || link_->state().name.empty() ? tun_.name() : link_->state().name;
}

StatusView Node::status() {
  const Instant now = clock_.now();
  StatusView view;
  view.interface = tunnel_name();
  view.network_namespace = network_namespace_inode();
  view.pid = getpid();
  view.uptime_seconds = static_cast<std::uint64_t>((now - started_) / 1s);
  view.listen_port = listen_port_;
  view.fwmark = mark_;
  view.io_backend = io_description(plan_.io);
  view.io = {.backend = io_backend_name(plan_.io.backend), .reason = plan_.io.reason};
  view.aead = {.small = engine_description(plan_.aead.small),
               .large = engine_description(plan_.aead.large),
               .small_limit = AeadChoice::kSmallLimit,
               .reason = plan_.aead.reason};
  view.tun = {.name = view.interface,
              .up = link_->state().up,
              .mtu = link_->state().mtu,
              .queues = static_cast<std::uint32_t>(tun_.queue_count()),
              .capabilities = tun_.capabilities()};
  describe_sockets(view);
  view.interfaces = attachments();
  describe_workers(view);
  describe_peers(view, now);
  describe_fallbacks(view);
  if (mesh_) view.mesh = mesh_->status(moment());
  return view;
}

void Node::describe_workers(StatusView& view) const {
  add_drops(control_counters_.drops, view);
  for (std::size_t id = 0; id < workers_.size(); ++id) {
    const Worker& worker = *workers_[id];
    add_drops(worker.counters().drops, view);
    view.workers.push_back({.id = static_cast<std::uint32_t>(id),
                            .cpu = -1,
                            .tun_queue = worker.reads_tun() ? static_cast<int>(id) : -1,
                            .counters = named(worker.counters()),
                            .queues = {}});
    for (const AttachmentStatus& interface : view.interfaces) {
      for (const QueueStatus& queue : interface.queues) {
        if (queue.worker == id) view.workers.back().queues.push_back({interface.name, queue.queue});
      }
    }
    if (const HandoffEngine* const handoff = worker.handoff(); handoff != nullptr) {
      std::vector<NamedCount>& counts = view.workers.back().counters;
      counts.push_back({"packets_done_by_others", handoff->handed()});
      counts.push_back({"packets_taken_back", handoff->taken_back()});
      counts.push_back({"packets_done_for_others", handoff->helped()});
    }
  }
}

void Node::describe_sockets(StatusView& view) const {
  const UdpOptions asked = udp_options();
  view.udp.busy_poll_microseconds = plan_.options.busy_poll_microseconds;
  view.udp.receive_buffer_asked = static_cast<std::uint32_t>(asked.receive_buffer);
  view.udp.send_buffer_asked = static_cast<std::uint32_t>(asked.send_buffer);
  const UdpListeners* const listeners = sockets_->listeners();
  if (listeners == nullptr) return;
  const UdpCapabilities& got = listeners->capabilities();
  view.udp.gro = got.receive_offload;
  view.udp.gso = got.segmentation_offload;
  view.udp.receive_buffer = static_cast<std::uint32_t>(got.receive_buffer);
  view.udp.send_buffer = static_cast<std::uint32_t>(got.send_buffer);
  view.udp.listener_sockets =
      (listeners->v4() != nullptr ? 1U : 0U) + (listeners->v6() != nullptr ? 1U : 0U);
  view.udp.connected_sockets = static_cast<std::uint32_t>(sockets_->connected_count());
}

// The engine lists peers in the order of their creation both times.
void Node::describe_peers(StatusView& view, Instant now) {
  const InterfaceView configured = engine_.view();
  if (!configured.private_key.is_zero()) view.public_key = public_key(configured.private_key);
  const std::int64_t wall = clock_.wall().nanoseconds;
  auto next = configured.peers.begin();
  engine_.for_each_peer([&](const Peer& peer) {
    const PeerView& from = *next++;
    PeerStatus status;
    status.public_key = from.public_key;
    status.endpoint = from.endpoint;
    status.received_bytes = from.received_bytes;
    status.sent_bytes = from.sent_bytes;
    status.allowed_ips = from.allowed_ips.size();
    status.persistent_keepalive = from.persistent_keepalive;
    if (from.last_handshake.nanoseconds != 0) {
      const std::int64_t age = std::max<std::int64_t>(0, wall - from.last_handshake.nanoseconds);
      status.last_handshake_seconds = static_cast<std::uint64_t>(age / 1'000'000'000);
    }
    if (const auto path = peer.last_path.load(std::memory_order_relaxed)) {
      status.receive_path = *path == ReceivePath::xdp ? PacketPath::xdp : PacketPath::socket;
    }
    if (const SendPath* const path = peer.path.load(); path != nullptr) {
      const bool connected = sockets_->is_connected(peer.id);
      status.path = connected ? PeerPath::connected : PeerPath::listener;
      status.gso = view.udp.gso && path->no_gso_until.load() <= now.nanoseconds;
      if (!status.gso) {
        status.gso_reason = view.udp.gso ? "the kernel refused a segmented send on this path"
                                         : "this kernel has no UDP_SEGMENT";
      }
    }
    view.peers.push_back(std::move(status));
  });
}

void Node::describe_fallbacks(StatusView& view) const {
  const TunCapabilities& tun = tun_.capabilities();
  const auto note = [&](const char* what, const std::string& reason) {
    view.fallbacks.push_back({what, reason});
  };
  if (!tun.vnet_header) note("TUN offload", "the device was made without IFF_VNET_HDR");
  if (tun.vnet_header && !tun.tso4) note("TUN TSO", "the kernel refused TUNSETOFFLOAD");
  if (tun.vnet_header && !tun.uso4) note("TUN USO", "the kernel has none (Linux 6.2 and later do)");
  if (tun_.queue_count() < workers_.size()) {
    note("TUN queues", "the device has fewer queues than there are workers");
  }
  if (!plan_.io.ring_fault.empty()) note("io_uring", plan_.io.ring_fault);
  for (const auto& worker : workers_) {
    if (const int error = worker->io_failure(); error != 0) {
      note("io_uring", errno_error("a worker's ring failed, it uses system calls", error).what);
    }
  }
  const std::vector<AeadKind> engines = available_aead_kinds();
  if (std::find(engines.begin(), engines.end(), AeadKind::ipsec_mb) == engines.end()) {
    note("IPsec-MB", "not in this build, or this processor is not supported by it");
  }
  if (sockets_->is_open()) {
    if (!view.udp.gso) note("UDP GSO", "this kernel has no UDP_SEGMENT (Linux 4.18 and later do)");
    if (!view.udp.gro) note("UDP GRO", "this kernel has no UDP_GRO (Linux 5.0 and later do)");
    if (sockets_->listeners()->v6() == nullptr) note("IPv6", "this machine has no IPv6 sockets");
    if (sockets_->listeners()->v4() == nullptr) note("IPv4", "this machine has no IPv4 sockets");
  }
}

}  // namespace xm
