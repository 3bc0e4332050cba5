#include "agent/ctl/metrics.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "agent/ctl/base64.hpp"
#include "xdpmesh/counters.hpp"
#include "xdpmesh/version.hpp"

namespace xm {
namespace {

using Labels = std::vector<prometheus::ClientMetric::Label>;

// One metric, for which rows are added as they come. Leaves out what has none.
class Family {
 public:
  Family(std::vector<prometheus::MetricFamily>& all, prometheus::MetricType type, std::string name,
         std::string help)
      : all_(all) {
    family_.type = type;
    family_.name = std::move(name);
    family_.help = std::move(help);
  }
  ~Family() {
    if (!family_.metric.empty()) all_.push_back(std::move(family_));
  }
  Family(const Family&) = delete;
  Family& operator=(const Family&) = delete;

  template <typename Number>
  void add(Labels labels, Number number) {
    prometheus::ClientMetric& metric = family_.metric.emplace_back();
    metric.label = std::move(labels);
    const auto value = static_cast<double>(number);
    if (family_.type == prometheus::MetricType::Counter) {
      metric.counter.value = value;
    } else {
      metric.gauge.value = value;
    }
  }

 private:
  std::vector<prometheus::MetricFamily>& all_;
  prometheus::MetricFamily family_;
};

// Writes one agent's metrics, group by group.
class Writer {
 public:
  explicit Writer(const StatusView& view) : view_(view) {}

  void peers(const InterfaceView& configured);
  void tunnel();
  void workers();
  void attachments();
  void queues();
  void mesh();

  [[nodiscard]] std::string text() const { return prometheus::TextSerializer().Serialize(all_); }

 private:
  [[nodiscard]] Family counter(std::string name, std::string help) {
    return {all_, prometheus::MetricType::Counter, std::move(name), std::move(help)};
  }
  [[nodiscard]] Family gauge(std::string name, std::string help) {
    return {all_, prometheus::MetricType::Gauge, std::move(name), std::move(help)};
  }
  // The label that all have, and others.
  [[nodiscard]] Labels with(Labels others) const {
    others.insert(others.begin(), {"interface", view_.interface});
    return others;
  }
  void peer_paths();
  void members(const MeshStatus& mesh);

  const StatusView& view_;
  std::vector<prometheus::MetricFamily> all_;
};

std::string joined(const std::vector<Prefix>& prefixes) {
  std::string text;
  for (const Prefix& prefix : prefixes) {
    if (!text.empty()) text += ',';
    text += prefix.to_string();
  }
  return text;
}

void Writer::peers(const InterfaceView& configured) {
  Family sent = counter("wireguard_sent_bytes_total", "Bytes sent to the peer");
  Family received = counter("wireguard_received_bytes_total", "Bytes received from the peer");
  Family handshake = gauge("wireguard_latest_handshake_seconds",
                           "UNIX timestamp of the last handshake in seconds, 0 before the first");
  for (const PeerView& peer : configured.peers) {
    const Labels labels = with(
        {{"public_key", to_base64(peer.public_key)}, {"allowed_ips", joined(peer.allowed_ips)}});
    sent.add(labels, peer.sent_bytes);
    received.add(labels, peer.received_bytes);
    handshake.add(labels, peer.last_handshake.nanoseconds / 1'000'000'000);
  }
}

void Writer::tunnel() {
  gauge("xdpmesh_build_info", "Always 1; the version is a label")
      .add(with({{"version", std::string(kVersion)}, {"io", view_.io.backend}}), 1);
  gauge("xdpmesh_uptime_seconds", "Seconds since the agent started")
      .add(with({}), view_.uptime_seconds);
  gauge("xdpmesh_tun_up", "1 when the tunnel device is up").add(with({}), view_.tun.up);
  gauge("xdpmesh_udp_sockets", "Open UDP sockets by kind")
      .add(with({{"kind", "listener"}}), view_.udp.listener_sockets);
  gauge("xdpmesh_peers", "Configured peers").add(with({}), view_.peers.size());
  peer_paths();
  Family drops = counter("xdpmesh_dropped_packets_total",
                         "Packets that died in the agent, each under one reason");
  for (std::size_t reason = 0; reason < XM_DROP_COUNT; ++reason) {
    drops.add(with({{"reason", std::string(drop_name(static_cast<xm_drop>(reason)))}}),
              view_.drops[reason]);
  }
}

void Writer::peer_paths() {
  Family paths = gauge("xdpmesh_peers_by_receive_path",
                       "Peers by the way that their last authenticated packet came");
  std::size_t by_socket = 0;
  std::size_t by_xdp = 0;
  for (const PeerStatus& peer : view_.peers) {
    if (peer.receive_path == PacketPath::socket) ++by_socket;
    if (peer.receive_path == PacketPath::xdp) ++by_xdp;
  }
  paths.add(with({{"path", "none"}}), view_.peers.size() - by_socket - by_xdp);
  paths.add(with({{"path", "socket"}}), by_socket);
  paths.add(with({{"path", "xdp"}}), by_xdp);
}

// Every worker has the same counters in the same order; some have fewer.
void Writer::workers() {
  const WorkerStatus* longest = nullptr;
  for (const WorkerStatus& worker : view_.workers) {
    if (longest == nullptr || worker.counters.size() > longest->counters.size()) longest = &worker;
  }
  if (longest == nullptr) return;
  for (std::size_t i = 0; i < longest->counters.size(); ++i) {
    const std::string& name = longest->counters[i].name;
    std::string words = name;
    std::replace(words.begin(), words.end(), '_', ' ');
    Family family = counter("xdpmesh_worker_" + name + "_total", "Of a worker: " + words);
    for (const WorkerStatus& worker : view_.workers) {
      if (i >= worker.counters.size()) continue;
      family.add(with({{"worker", std::to_string(worker.id)}}), worker.counters[i].value);
    }
  }
}

void Writer::attachments() {
  Family state = gauge("xdpmesh_attachment_info", "Always 1; how an attached interface is used");
  Family packets =
      counter("xdpmesh_verdict_packets_total", "Packets that the XDP program judged, by verdict");
  Family bytes = counter("xdpmesh_verdict_bytes_total",
                         "Bytes of the packets that the XDP program judged, by verdict");
  for (const AttachmentStatus& attachment : view_.interfaces) {
    state.add(with({{"device", attachment.name},
                    {"state", std::string(interface_state_name(attachment.state))},
                    {"rx", std::string(receive_choice_name(attachment.rx))},
                    {"mode", std::string(attach_mode_name(attachment.program.got))}}),
              1);
    for (std::size_t i = 0; i < XM_VERDICT_COUNT; ++i) {
      const Labels labels =
          with({{"device", attachment.name},
                {"verdict", std::string(verdict_name(static_cast<xm_verdict>(i)))}});
      packets.add(labels, attachment.verdicts[i].packets);
      bytes.add(labels, attachment.verdicts[i].bytes);
    }
  }
}

void Writer::queues() {
  Family level = gauge("xdpmesh_queue_ring_used", "Descriptors that wait in an AF_XDP ring");
  Family size = gauge("xdpmesh_queue_ring_size", "Descriptors that an AF_XDP ring holds");
  Family heartbeat = gauge("xdpmesh_queue_heartbeat_age_seconds",
                           "Since the worker of an AF_XDP socket last showed that it lives");
  Family losses =
      counter("xdpmesh_queue_xsk_events_total", "What XDP_STATISTICS of an AF_XDP socket counts");
  for (const AttachmentStatus& attachment : view_.interfaces) {
    for (const QueueStatus& queue : attachment.queues) {
      const auto labels = [&](const char* name, const char* value) {
        return with(
            {{"device", attachment.name}, {"queue", std::to_string(queue.queue)}, {name, value}});
      };
      level.add(labels("ring", "rx"), queue.rx_ring.level);
      level.add(labels("ring", "fill"), queue.fill_ring.level);
      size.add(labels("ring", "rx"), queue.rx_ring.size);
      size.add(labels("ring", "fill"), queue.fill_ring.size);
      if (queue.heartbeat_age_milliseconds) {
        heartbeat.add(with({{"device", attachment.name}, {"queue", std::to_string(queue.queue)}}),
                      static_cast<double>(*queue.heartbeat_age_milliseconds) / 1000);
      }
      losses.add(labels("event", "rx_dropped"), queue.counts.rx_dropped);
      losses.add(labels("event", "rx_invalid_descs"), queue.counts.rx_invalid_descs);
      losses.add(labels("event", "tx_invalid_descs"), queue.counts.tx_invalid_descs);
      losses.add(labels("event", "rx_ring_full"), queue.counts.rx_ring_full);
      losses.add(labels("event", "rx_fill_ring_empty_descs"),
                 queue.counts.rx_fill_ring_empty_descs);
      losses.add(labels("event", "tx_ring_empty_descs"), queue.counts.tx_ring_empty_descs);
    }
  }
}

// Nothing of it in a static tunnel.
void Writer::mesh() {
  if (!view_.mesh) return;
  const MeshStatus& mesh = *view_.mesh;
  gauge("xdpmesh_mesh_info", "Always 1; which mesh it is, who this node is, and how it stands")
      .add(with({{"mesh", mesh.name},
                 {"identity", mesh.identity},
                 {"state", mesh.state},
                 {"nat", mesh.nat_mapping}}),
           1);
  members(mesh);
  gauge("xdpmesh_mesh_incarnation", "Incarnation that this node announces")
      .add(with({}), mesh.incarnation);
  gauge("xdpmesh_mesh_record_expiry_timestamp_seconds",
        "UNIX timestamp at which this node's record expires if it is not renewed")
      .add(with({}), mesh.record_expires);
  if (mesh.certificate_expires) {
    gauge("xdpmesh_mesh_certificate_expiry_timestamp_seconds",
          "UNIX timestamp at which this node's certificate expires, and with it what needs it")
        .add(with({}), *mesh.certificate_expires);
  }
  gauge("xdpmesh_mesh_faults", "Faults that status names: files, conflicts, a second life")
      .add(with({}), mesh.faults.size());
  if (mesh.clock_skew_seconds) {
    gauge("xdpmesh_mesh_clock_skew_seconds", "This node's clock less the members' median")
        .add(with({}), *mesh.clock_skew_seconds);
  }
  Family counters =
      counter("xdpmesh_mesh_counters_total", "What gossip refused and left out, by counter");
  for (const MeshCount& count : mesh.counters) {
    counters.add(with({{"counter", count.name}}), count.value);
  }
}

// How many of `list` are each of `values` by `of`.
template <typename List, typename Of>
void count_by(Family& family, const auto& labels, const List& list, auto values, Of of) {
  for (const std::string_view value : values) {
    const auto is_it = [&](const auto& one) { return of(one) == value; };
    family.add(labels(std::string(value)), std::count_if(list.begin(), list.end(), is_it));
  }
}

// By state and by reach, those of which there are none included, so that an alarm sees a zero.
void Writer::members(const MeshStatus& mesh) {
  Family states = gauge("xdpmesh_mesh_members", "Other members of the mesh, by state");
  count_by(
      states,
      [&](std::string value) {
        return with({{"state", std::move(value)}});
      },
      mesh.members, kMemberStates,
      [](const MemberStatus& member) { return std::string_view(member.state); });
  Family reach = gauge("xdpmesh_mesh_members_by_reach",
                       "Other members of the mesh, by whether they answer this node itself");
  count_by(
      reach,
      [&](std::string value) {
        return with({{"reach", std::move(value)}});
      },
      mesh.members, kReachNames,
      [](const MemberStatus& member) { return reach_name(member.reach); });
  Family seeds = gauge("xdpmesh_mesh_seeds", "Seeds, by state");
  count_by(
      seeds,
      [&](std::string value) {
        return with({{"state", std::move(value)}});
      },
      mesh.seeds, kSeedStates, [](const SeedStatus& seed) { return std::string_view(seed.state); });
}

}  // namespace

std::string metrics_text(const StatusView& view, const InterfaceView& configured) {
  Writer writer(view);
  writer.peers(configured);
  writer.tunnel();
  writer.workers();
  writer.attachments();
  writer.queues();
  writer.mesh();
  return writer.text();
}

}  // namespace xm
