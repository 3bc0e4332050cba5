#include "agent/ctl/json_text.hpp"
#include "agent/ctl/mesh_json.hpp"
#include "agent/ctl/status.hpp"
#include "xdpmesh/counters.hpp"

namespace xm {
namespace {

void interface_text(Text& text, const Json& status) {
  text.heading("interface: " + show(status, "interface"));
  text.line("version", show(status, "version"));
  text.line("process", show(status, "pid") + ", up for " + show(status, "uptime_seconds") + " s");
  text.line("public key", show_or(status, "public_key", "(none)"));
  text.line("listening port", show(status, "listen_port"));
  const std::string why_io = show(child(status, "io"), "reason");
  text.line("I/O", show(status, "io_backend") + (why_io.empty() ? "" : " (" + why_io + ")"));

  const Json& aead = child(status, "aead");
  const std::string small = show(aead, "small");
  const std::string large = show(aead, "large");
  text.line("AEAD", (small == large ? large
                                    : small + " up to " + show(aead, "small_limit") + " B, " +
                                          large + " above") +
                        " (" + show(aead, "reason") + ")");

  const Json& tun = child(status, "tun");
  text.line("TUN", show(tun, "name") + (is_true(tun, "up") ? ", up" : ", down") + ", MTU " +
                       show(tun, "mtu") + ", " + show(tun, "queues") + " queue(s), offloads: " +
                       list_true(tun, {"vnet_header", "tso4", "tso6", "uso4", "uso6"}));

  const Json& udp = child(status, "udp");
  text.line("UDP", "offloads: " + list_true(udp, {"gro", "gso"}) + ", busy poll " +
                       show(udp, "busy_poll_microseconds") + " us, " +
                       show(udp, "listener_sockets") + " listening and " +
                       show(udp, "connected_sockets") + " connected socket(s)");
  text.line("UDP buffers", "receive " + show_bytes(udp, "receive_buffer") + " of " +
                               show_bytes(udp, "receive_buffer_asked") + " asked, send " +
                               show_bytes(udp, "send_buffer") + " of " +
                               show_bytes(udp, "send_buffer_asked") + " asked");
}

void workers_text(Text& text, const Json& workers) {
  for (const Json& worker : workers) {
    text.heading("worker: " + show(worker, "id"));
    text.line("CPU", show_or(worker, "cpu", "not pinned"));
    text.line("TUN queue", show_or(worker, "tun_queue", "none"));
    std::string queues;
    for (const Json& queue : child(worker, "queues")) {
      queues += (queues.empty() ? "" : ", ") + show(queue, "interface") + " queue " +
                show(queue, "queue");
    }
    text.line("AF_XDP", queues);
    for (const auto& [name, count] : child(worker, "counters").items()) {
      text.line(name, count.dump());
    }
  }
}

void peers_text(Text& text, const Json& peers) {
  for (const Json& peer : peers) {
    text.heading("peer: " + show(peer, "public_key"));
    text.line("endpoint", show(peer, "endpoint"));
    text.line("path", show(peer, "path"));
    text.line("last packet by", show(peer, "receive_path"));
    const std::string age = show(peer, "last_handshake_seconds");
    text.line("latest handshake", age.empty() ? "never" : age + " s ago");
    text.line("transfer", show_bytes(peer, "received_bytes") + " received, " +
                              show_bytes(peer, "sent_bytes") + " sent");
    const std::string why = show(peer, "gso_reason");
    text.line("GSO", is_true(peer, "gso") ? "on" : "off" + (why.empty() ? "" : " (" + why + ")"));
    text.line("allowed IPs", show(peer, "allowed_ips"));
    const std::string keepalive = show(peer, "persistent_keepalive");
    if (keepalive != "0") text.line("persistent keepalive", "every " + keepalive + " s");
  }
}

// What a reason means, where this build knows it.
std::string meaning_of_drop(std::string_view name) {
  for (int reason = 0; reason < XM_DROP_COUNT; ++reason) {
    const auto known = static_cast<xm_drop>(reason);
    if (drop_name(known) == name) return " (" + std::string(drop_text(known)) + ")";
  }
  return {};
}

void drops_text(Text& text, const Json& drops) {
  text.heading("dropped packets:");
  bool any = false;
  for (const auto& [name, count] : drops.items()) {
    if (count == 0) continue;
    any = true;
    text.line(name, count.dump() + meaning_of_drop(name));
  }
  if (!any) text.line("none", "every packet found its way");
}

void fallbacks_text(Text& text, const Json& fallbacks) {
  if (fallbacks.empty()) return;
  text.heading("fallbacks:");
  for (const Json& fallback : fallbacks) {
    text.line(show(fallback, "what"), show(fallback, "reason"));
  }
}

}  // namespace

Result<std::string> status_text(std::string_view json) {
  const auto reply = parse_reply(json);
  if (!reply) return reply.error();
  const Json& status = reply.value();
  Text text;
  interface_text(text, status);
  if (status.contains("mesh")) mesh_text(text, child(status, "mesh"));
  fallbacks_text(text, child(status, "fallbacks"));
  workers_text(text, child(status, "workers"));
  for (const Json& interface : child(status, "interfaces")) attachment_text(text, interface);
  peers_text(text, child(status, "peers"));
  drops_text(text, child(status, "drops"));
  return text.take();
}

Result<StatusTraffic> status_traffic(std::string_view json) {
  const auto reply = parse_reply(json);
  if (!reply) return reply.error();
  const Json& status = reply.value();
  StatusTraffic traffic;
  traffic.agent = show(status, "interface") + "@" + show(status, "network_namespace");
  for (const Json& peer : child(status, "peers")) {
    traffic.received_bytes += number_of(peer, "received_bytes");
    traffic.sent_bytes += number_of(peer, "sent_bytes");
  }
  return traffic;
}

}  // namespace xm
