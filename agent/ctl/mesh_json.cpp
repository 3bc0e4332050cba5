#include "agent/ctl/mesh_json.hpp"

#include <array>
#include <ctime>
#include <string>
#include <utility>

#include "agent/ctl/base64.hpp"

namespace xm {
namespace {

template <typename T>
Json texts(const std::vector<T>& values) {
  Json list = Json::array();
  for (const T& value : values) list.push_back(value.to_string());
  return list;
}

Json strings(const std::vector<std::string>& values) {
  Json list = Json::array();
  for (const std::string& value : values) list.push_back(value);
  return list;
}

template <typename T>
Json value_or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

// "2026-11-27T20:00:00Z"
std::string utc(std::int64_t seconds) {
  const std::time_t at = seconds;
  std::tm parts{};
  gmtime_r(&at, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

Json to_json(const MemberStatus& member) {
  return {
      {"identity", member.identity},
      {"public_key", to_base64(member.public_key)},
      {"names", strings(member.names)},
      {"addresses", texts(member.addresses)},
      {"subnets", texts(member.subnets)},
      {"state", member.state},
      {"incarnation", member.incarnation},
      {"endpoint", member.endpoint.is_set() ? Json(member.endpoint.to_string()) : Json(nullptr)},
      {"candidates", texts(member.candidates)},
      {"reach", reach_name(member.reach)},
      {"trust", member.trust},
      {"refused", strings(member.refused)},
      {"heard_seconds", value_or_null(member.heard_seconds)},
      {"clock_skew_seconds", value_or_null(member.clock_skew_seconds)}};
}

std::string joined(const Json& list) {
  std::string out;
  for (const Json& item : list) {
    if (!item.is_string()) continue;
    out += (out.empty() ? "" : ", ") + item.get<std::string>();
  }
  return out;
}

void member_text(Text& text, const Json& member) {
  const std::string names = joined(child(member, "names"));
  text.line(names.empty() ? "member" : "member " + names, show(member, "identity"));
  text.detail("state", show(member, "state") + ", reach " + show(member, "reach") +
                           in_brackets(show(member, "reach") == "silent"
                                           ? "it answers others and not this node: it does not "
                                             "trust this node's key, or a firewall is between"
                                           : ""));
  text.detail("addresses", joined(child(member, "addresses")));
  text.detail("subnets", joined(child(member, "subnets")));
  text.detail("endpoint", show(member, "endpoint"));
  text.detail("trusted by", show(member, "trust"));
  text.detail("not granted", joined(child(member, "refused")));
  text.detail("clock ahead of ours, seconds", show(member, "clock_skew_seconds"));
}

}  // namespace

Json mesh_to_json(const MeshStatus& mesh) {
  Json members = Json::array();
  for (const MemberStatus& member : mesh.members) members.push_back(to_json(member));
  Json seeds = Json::array();
  for (const SeedStatus& seed : mesh.seeds) {
    seeds.push_back({{"text", seed.text}, {"state", seed.state}, {"reason", seed.reason}});
  }
  Json counters = Json::object();
  for (const MeshCount& count : mesh.counters) counters[count.name] = count.value;
  return {
      {"name", mesh.name},
      {"identity", mesh.identity},
      {"names", strings(mesh.names)},
      {"addresses", texts(mesh.addresses)},
      {"state", mesh.state},
      {"incarnation", mesh.incarnation},
      {"record", {{"version", mesh.record_version}, {"expires", utc(mesh.record_expires)}}},
      {"certificate", mesh.certificate_expires ? Json{{"expires", utc(*mesh.certificate_expires)}}
                                               : Json(nullptr)},
      {"endpoints", texts(mesh.endpoints)},
      {"nat", {{"mapping", mesh.nat_mapping}, {"mapped", texts(mesh.nat_mapped)}}},
      {"clock_skew_seconds", value_or_null(mesh.clock_skew_seconds)},
      {"faults", strings(mesh.faults)},
      {"members", std::move(members)},
      {"seeds", std::move(seeds)},
      {"counters", std::move(counters)}};
}

void mesh_text(Text& text, const Json& mesh) {
  text.heading("mesh: " + show(mesh, "name"));
  text.line("identity", show(mesh, "identity"));
  text.line("names", joined(child(mesh, "names")));
  text.line("addresses", joined(child(mesh, "addresses")));
  text.line("state", show(mesh, "state") + ", incarnation " + show(mesh, "incarnation") +
                         ", record " + show(child(mesh, "record"), "version") + " until " +
                         show(child(mesh, "record"), "expires"));
  text.line("certificate until", show(child(mesh, "certificate"), "expires"));
  text.line("reachable at", joined(child(mesh, "endpoints")));
  const Json& nat = child(mesh, "nat");
  text.line("NAT mapping", show(nat, "mapping") + in_brackets(joined(child(nat, "mapped"))));
  text.line("clock ahead of the members', seconds", show(mesh, "clock_skew_seconds"));
  for (const Json& fault : child(mesh, "faults")) {
    if (fault.is_string()) text.line("fault", fault.get<std::string>());
  }
  for (const Json& seed : child(mesh, "seeds")) {
    text.line("seed " + show(seed, "text"),
              show(seed, "state") + in_brackets(show(seed, "reason")));
  }
  for (const Json& member : child(mesh, "members")) member_text(text, member);
}

}  // namespace xm
