#include "agent/ctl/status.hpp"

#include <nlohmann/json.hpp>

#include "agent/ctl/attachment_json.hpp"
#include "agent/ctl/base64.hpp"
#include "agent/ctl/mesh_json.hpp"
#include "xdpmesh/counters.hpp"
#include "xdpmesh/version.hpp"

namespace xm {
namespace {

Json text_or_null(const Endpoint& endpoint) {
  return endpoint.is_set() ? Json(endpoint.to_string()) : Json(nullptr);
}

Json to_json(const AeadStatus& aead) {
  return {{"small", aead.small},
          {"large", aead.large},
          {"small_limit", aead.small_limit},
          {"reason", aead.reason}};
}

Json to_json(const IoStatus& io) {
  return {{"backend", io.backend}, {"reason", io.reason}};
}

Json to_json(const TunStatus& tun) {
  const TunCapabilities& can = tun.capabilities;
  return {{"name", tun.name},
          {"up", tun.up},
          {"mtu", tun.mtu},
          {"queues", tun.queues},
          {"multi_queue", can.multi_queue},
          {"vnet_header", can.vnet_header},
          {"tso4", can.tso4},
          {"tso6", can.tso6},
          {"uso4", can.uso4},
          {"uso6", can.uso6}};
}

Json to_json(const UdpStatus& udp) {
  return {{"gro", udp.gro},
          {"gso", udp.gso},
          {"busy_poll_microseconds", udp.busy_poll_microseconds},
          {"receive_buffer_asked", udp.receive_buffer_asked},
          {"receive_buffer", udp.receive_buffer},
          {"send_buffer_asked", udp.send_buffer_asked},
          {"send_buffer", udp.send_buffer},
          {"listener_sockets", udp.listener_sockets},
          {"connected_sockets", udp.connected_sockets}};
}

Json to_json(const WorkerStatus& worker) {
  Json counters = Json::object();
  for (const NamedCount& count : worker.counters) counters[count.name] = count.value;
  Json queues = Json::array();
  for (const WorkerQueue& queue : worker.queues) {
    queues.push_back({{"interface", queue.interface}, {"queue", queue.queue}});
  }
  return {{"id", worker.id},
          {"cpu", worker.cpu < 0 ? Json(nullptr) : Json(worker.cpu)},
          {"tun_queue", worker.tun_queue < 0 ? Json(nullptr) : Json(worker.tun_queue)},
          {"counters", std::move(counters)},
          {"queues", std::move(queues)}};
}

std::string_view path_name(PeerPath path) {
  switch (path) {
    case PeerPath::connected:
      return "connected";
    case PeerPath::listener:
      return "listener";
    case PeerPath::none:
      break;
  }
  return "none";
}

std::string_view path_name(PacketPath path) {
  switch (path) {
    case PacketPath::socket:
      return "socket";
    case PacketPath::xdp:
      return "xdp";
    case PacketPath::none:
      break;
  }
  return "none";
}

Json to_json(const PeerStatus& peer) {
  return {{"public_key", to_base64(peer.public_key)},
          {"endpoint", text_or_null(peer.endpoint)},
          {"path", path_name(peer.path)},
          {"receive_path", path_name(peer.receive_path)},
          {"received_bytes", peer.received_bytes},
          {"sent_bytes", peer.sent_bytes},
          {"last_handshake_seconds",
           peer.last_handshake_seconds ? Json(*peer.last_handshake_seconds) : Json(nullptr)},
          {"gso", peer.gso},
          {"gso_reason", peer.gso_reason},
          {"allowed_ips", peer.allowed_ips},
          {"persistent_keepalive", peer.persistent_keepalive}};
}

Json to_json(const Fallback& fallback) {
  return {{"what", fallback.what}, {"reason", fallback.reason}};
}

template <typename T>
Json to_json_list(const std::vector<T>& items) {
  Json list = Json::array();
  for (const T& item : items) list.push_back(to_json(item));
  return list;
}

Json drops_to_json(const std::array<std::uint64_t, XM_DROP_COUNT>& drops) {
  Json by_name = Json::object();
  for (int reason = 0; reason < XM_DROP_COUNT; ++reason) {
    by_name[std::string(drop_name(static_cast<xm_drop>(reason)))] =
        drops[static_cast<std::size_t>(reason)];
  }
  return by_name;
}

}  // namespace

std::string status_json(const StatusView& view) {
  Json json{
      {"schema_version", kStatusSchemaVersion},
      {"version", kVersion},
      {"interface", view.interface},
      {"network_namespace", view.network_namespace},
      {"pid", view.pid},
      {"uptime_seconds", view.uptime_seconds},
      {"public_key", view.public_key ? Json(to_base64(*view.public_key)) : Json(nullptr)},
      {"listen_port", view.listen_port},
      {"fwmark", view.fwmark},
      {"io_backend", view.io_backend},
      {"io", to_json(view.io)},
      {"aead", to_json(view.aead)},
      {"tun", to_json(view.tun)},
      {"udp", to_json(view.udp)},
      {"workers", to_json_list(view.workers)},
      {"interfaces", attachments_to_json(view.interfaces)},
      {"drops", drops_to_json(view.drops)},
      {"peers", to_json_list(view.peers)},
      {"fallbacks", to_json_list(view.fallbacks)},
  };
  if (view.mesh) json["mesh"] = mesh_to_json(*view.mesh);
  return one_line(json);  // an interface's name may be any bytes
}

}  // namespace xm
