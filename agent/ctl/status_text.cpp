#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "agent/ctl/status.hpp"
#include "xdpmesh/counters.hpp"

namespace xm {
namespace {

using Json = nlohmann::ordered_json;

Json parse(std::string_view json) {
  return Json::parse(json, nullptr, /*allow_exceptions=*/false);
}

// The text is made of "label: value" lines, indented under a heading, as `wg show` has them.
// Members that are missing or null are left out.
class Text {
 public:
  void heading(const std::string& text) { out_ += (out_.empty() ? "" : "\n") + text + "\n"; }
  void line(const std::string& label, const std::string& value) {
    if (!value.empty()) out_ += "  " + label + ": " + value + "\n";
  }
  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

// A member as text: a string as it is, a number in decimal, true as "yes".
std::string show(const Json& object, const char* member) {
  const auto found = object.find(member);
  if (found == object.end() || found->is_null()) return {};
  if (found->is_string()) return found->get<std::string>();
  if (found->is_boolean()) return found->get<bool>() ? "yes" : "no";
  return found->dump();
}

std::string show_or(const Json& object, const char* member, const char* otherwise) {
  std::string text = show(object, member);
  return text.empty() ? otherwise : text;
}

bool is_true(const Json& object, const char* member) {
  return show(object, member) == "yes";
}

const Json& child(const Json& object, const char* member) {
  static const Json kNothing = Json::object();
  const auto found = object.find(member);
  return found == object.end() ? kNothing : *found;
}

std::string bytes_with_unit(std::uint64_t bytes) {
  constexpr std::array<const char*, 5> kUnits{"B", "KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return std::to_string(bytes) + " B";
  auto scaled = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; scaled >= 1024 && unit + 1 < kUnits.size(); ++unit) scaled /= 1024;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f %s", scaled, kUnits[unit]);
  return text.data();
}

std::string show_bytes(const Json& object, const char* member) {
  const Json& number = child(object, member);
  return bytes_with_unit(number.is_number_unsigned() ? number.get<std::uint64_t>() : 0);
}

// "a, b" of the members that are true; "none" when none is.
std::string list_true(const Json& object, std::initializer_list<const char*> members) {
  std::string list;
  for (const char* member : members) {
    if (is_true(object, member)) list += (list.empty() ? "" : ", ") + std::string(member);
  }
  return list.empty() ? "none" : list;
}

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

Status check_reply(std::string_view json) {
  const Json reply = parse(json);
  if (!reply.is_object()) return Error{"the agent's reply is no JSON object"};
  if (const std::string error = show(reply, "error"); !error.empty()) {
    return Error{"the agent refused: " + error};
  }
  return {};
}

Result<std::string> status_text(std::string_view json) {
  if (auto checked = check_reply(json); !checked) return checked.error();
  const Json status = parse(json);
  if (const std::string version = show(status, "schema_version");
      version != std::to_string(kStatusSchemaVersion)) {
    return Error{"the agent speaks schema version " + version + " and this program " +
                 std::to_string(kStatusSchemaVersion) +
                 ": use the xdp-mesh that the agent was started from, or --json"};
  }
  Text text;
  interface_text(text, status);
  fallbacks_text(text, child(status, "fallbacks"));
  workers_text(text, child(status, "workers"));
  peers_text(text, child(status, "peers"));
  drops_text(text, child(status, "drops"));
  return text.take();
}

}  // namespace xm
