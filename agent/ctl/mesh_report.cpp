#include "agent/ctl/mesh_report.hpp"

#include <algorithm>
#include <array>

#include "agent/ctl/json_text.hpp"
#include "agent/ctl/status.hpp"

namespace xm {
namespace {

std::vector<std::string> texts_of(const Json& object, const char* member) {
  std::vector<std::string> texts;
  for (const Json& text : child(object, member)) {
    if (text.is_string()) texts.push_back(text.get<std::string>());
  }
  return texts;
}

// The WireGuard peer with a public key; an empty object when there is none.
const Json& peer_of(const Json& status, const std::string& public_key) {
  static const Json kNone = Json::object();
  for (const Json& peer : child(status, "peers")) {
    if (!public_key.empty() && show(peer, "public_key") == public_key) return peer;
  }
  return kNone;
}

MemberReport member_report(const Json& member, const Json& peer) {
  MemberReport report;
  report.identity = show(member, "identity");
  report.names = texts_of(member, "names");
  report.addresses = texts_of(member, "addresses");
  report.state = show(member, "state");
  report.reach = show(member, "reach");
  report.endpoint = show(member, "endpoint");
  report.trust = show(member, "trust");
  report.refused = texts_of(member, "refused");
  report.receive_path = show(peer, "receive_path");
  if (!show(peer, "last_handshake_seconds").empty()) {
    report.handshake_seconds = number_of(peer, "last_handshake_seconds");
  }
  return report;
}

std::string joined(const std::vector<std::string>& texts) {
  std::string text;
  for (const std::string& one : texts) text += (text.empty() ? "" : ", ") + one;
  return text;
}

std::string or_dash(const std::string& text) {
  return text.empty() ? "-" : text;
}

std::string age_text(const std::optional<std::uint64_t>& seconds) {
  if (!seconds) return "never";
  if (*seconds < 120) return std::to_string(*seconds) + " s ago";
  if (*seconds < 7200) return std::to_string(*seconds / 60) + " min ago";
  return std::to_string(*seconds / 3600) + " h ago";
}

constexpr std::size_t kColumns = 8;
using Row = std::array<std::string, kColumns>;

std::string table_text(const std::vector<Row>& rows) {
  std::array<std::size_t, kColumns> widths{};
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < kColumns; ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < kColumns; ++i) {
      line += row[i] + std::string(widths[i] + 2 - row[i].size(), ' ');
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

}  // namespace

std::string MemberReport::title() const {
  constexpr std::size_t kShown = 13;  // as Identity::short_text()
  return names.empty() ? identity.substr(0, kShown) : joined(names);
}

Result<std::optional<MeshReport>> mesh_report(std::string_view status) {
  const auto parsed = parse_reply(status);
  if (!parsed) return parsed.error();
  const Json& reply = parsed.value();
  const Json& mesh = child(reply, "mesh");
  if (!mesh.is_object() || mesh.empty()) return std::optional<MeshReport>();
  MeshReport report;
  report.interface = show(reply, "interface");
  report.network_namespace = number_of(reply, "network_namespace");
  report.mesh = show(mesh, "name");
  report.state = show(mesh, "state");
  report.self.identity = show(mesh, "identity");
  report.self.names = texts_of(mesh, "names");
  report.self.addresses = texts_of(mesh, "addresses");
  report.faults = texts_of(mesh, "faults");
  for (const Json& member : child(mesh, "members")) {
    if (!member.is_object()) continue;
    report.members.push_back(member_report(member, peer_of(reply, show(member, "public_key"))));
  }
  return std::optional(std::move(report));
}

std::string members_text(const MeshReport& report) {
  std::string text = report.mesh + " on " + report.interface + ": " + report.state +
                     "; this node is " + report.self.title() + " (" +
                     joined(report.self.addresses) + ")\n";
  if (report.members.empty()) {
    text += "no other member is known\n";
  } else {
    std::vector<Row> rows{
        {"NAME", "ADDRESSES", "STATE", "REACH", "ENDPOINT", "PATH", "HANDSHAKE", "TRUST"}};
    for (const MemberReport& member : report.members) {
      rows.push_back({member.title(), or_dash(joined(member.addresses)), or_dash(member.state),
                      or_dash(member.reach), or_dash(member.endpoint), or_dash(member.receive_path),
                      age_text(member.handshake_seconds), or_dash(member.trust)});
    }
    text += table_text(rows);
  }
  for (const MemberReport& member : report.members) {
    for (const std::string& refused : member.refused) {
      text += "refused to " + member.title() + ": " + refused + "\n";
    }
  }
  for (const std::string& fault : report.faults) text += "fault: " + fault + "\n";
  return text;
}

std::string members_json(std::string_view status) {
  const Json reply = parse_json(status);
  const Json& mesh = child(reply, "mesh");
  Json members = child(mesh, "members");
  if (!members.is_array()) members = Json::array();
  for (Json& member : members) {
    if (!member.is_object()) continue;
    const Json& peer = peer_of(reply, show(member, "public_key"));
    for (const char* of_session : {"receive_path", "last_handshake_seconds"}) {
      const auto found = peer.find(of_session);
      member[of_session] = found == peer.end() ? Json(nullptr) : *found;
    }
  }
  const Json line{{"schema_version", kStatusSchemaVersion},
                  {"interface", show(reply, "interface")},
                  {"mesh", show(mesh, "name")},
                  {"state", show(mesh, "state")},
                  {"identity", show(mesh, "identity")},
                  {"members", std::move(members)}};
  return line.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace xm
