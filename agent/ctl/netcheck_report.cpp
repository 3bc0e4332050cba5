#include "agent/ctl/netcheck_report.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "agent/ctl/attachment_json.hpp"
#include "agent/ctl/json_text.hpp"
#include "agent/ctl/status.hpp"
#include "agent/nat/candidates.hpp"

namespace xm {
namespace {

using Family = IpAddress::Family;
using Stage = StunServerState::Stage;

constexpr std::array<std::pair<Family, const char*>, 2> kFamilies{std::pair{Family::v4, "IPv4"},
                                                                  std::pair{Family::v6, "IPv6"}};

// The servers of a family that have an address.
std::vector<const NetcheckServer*> servers_of(const NetcheckReport& report, Family family) {
  std::vector<const NetcheckServer*> servers;
  for (const NetcheckServer& server : report.servers) {
    if (server.state.server.address.family == family) servers.push_back(&server);
  }
  return servers;
}

const char* verdict_word(UdpVerdict verdict) {
  switch (verdict) {
    case UdpVerdict::works:
      return "works";
    case UdpVerdict::refused:
      return "refused";
    case UdpVerdict::blocked:
      return "blocked";
    case UdpVerdict::no_route:
      return "no-route";
    case UdpVerdict::unchecked:
      return "unchecked";
  }
  return "unchecked";
}

std::string verdict_text(UdpVerdict verdict, const NetcheckFamily& family) {
  switch (verdict) {
    case UdpVerdict::works:
      return "works";
    case UdpVerdict::refused:
      return "goes out and comes back, but no server tells an address";
    case UdpVerdict::blocked:
      return "blocked, or no server is there";
    case UdpVerdict::no_route:
      return "no way out (" + family.route_fault + ")";
    case UdpVerdict::unchecked:
      return "has a way out; no server was asked";
  }
  return {};
}

const char* mapping_text(NatMapping mapping) {
  switch (mapping) {
    case NatMapping::none:
      return "none: servers see this machine's own address";
    case NatMapping::endpoint_independent:
      return "endpoint-independent: everybody sees the same address";
    case NatMapping::address_dependent:
      return "address-dependent: every destination sees another address";
    case NatMapping::unknown:
      return "there is one; what it does is unknown";
  }
  return "";
}

std::string list_text(const std::vector<Endpoint>& endpoints) {
  std::string text;
  for (const Endpoint& endpoint : endpoints) {
    text += (text.empty() ? "" : ", ") + endpoint.to_string();
  }
  return text;
}

double milliseconds(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

std::string server_text(const NetcheckServer& server) {
  const StunServerState& state = server.state;
  if (state.stage != Stage::answered) return state.failure;
  std::string text = "sees " + state.mapped.to_string();
  if (state.rtt > Duration(0)) {
    std::array<char, 32> measured{};
    std::snprintf(measured.data(), measured.size(), ", %.1f ms", milliseconds(state.rtt));
    text += measured.data();
  }
  return text;
}

std::string server_name(const NetcheckServer& server) {
  const std::string address =
      server.state.server.is_set() ? server.state.server.to_string() : std::string();
  return server.name == address ? address : server.name + in_brackets(address);
}

void advise(const NetcheckReport& report, Family which, const std::string& name,
            std::vector<std::string>& advice) {
  const NetcheckFamily& family = report.of(which);
  const UdpVerdict verdict = udp_verdict(report, which);
  if (verdict == UdpVerdict::blocked) {
    const Endpoint& server = servers_of(report, which).front()->state.server;
    advice.push_back(name + ": let UDP out to " + server.to_string() +
                     " and its answers in, or name servers that are up; where UDP is blocked, "
                     "WireGuard is too");
  }
  if (verdict == UdpVerdict::refused) {
    advice.push_back(name + ": name a server that answers Binding requests without credentials");
  }
  if (verdict != UdpVerdict::works) return;
  if (family.mapping == NatMapping::unknown) {
    advice.push_back(name +
                     ": name a second server, at another address: only two can show "
                     "whether everybody sees the same address of this machine");
  }
  if (family.mapping == NatMapping::address_dependent) {
    advice.push_back(name +
                     ": this machine reaches members that have a public address, and is "
                     "reached by them while it keeps sending; two machines behind such "
                     "NATs need IPv6, or a member in between");
  }
}

Json endpoints_json(const std::vector<Endpoint>& endpoints) {
  Json list = Json::array();
  for (const Endpoint& endpoint : endpoints) list.push_back(endpoint.to_string());
  return list;
}

Json family_json(const NetcheckReport& report, Family which) {
  const NetcheckFamily& family = report.of(which);
  const bool has_route = family.route_fault.empty();
  return {{"udp", verdict_word(udp_verdict(report, which))},
          {"route_fault", has_route ? Json(nullptr) : Json(family.route_fault)},
          {"mapping", to_string(family.mapping)},
          {"mapped", endpoints_json(family.mapped)}};
}

Json server_json(const NetcheckServer& server) {
  const StunServerState& state = server.state;
  const bool answered = state.stage == Stage::answered;
  return {
      {"name", server.name},
      {"address", state.server.is_set() ? Json(state.server.to_string()) : Json(nullptr)},
      {"answered", answered},
      {"mapped", answered ? Json(state.mapped.to_string()) : Json(nullptr)},
      {"rtt_milliseconds", state.rtt > Duration(0) ? Json(milliseconds(state.rtt)) : Json(nullptr)},
      {"failure", state.failure.empty() ? Json(nullptr) : Json(state.failure)}};
}

}  // namespace

UdpVerdict udp_verdict(const NetcheckReport& report, Family family) {
  if (!report.of(family).mapped.empty()) return UdpVerdict::works;
  const auto servers = servers_of(report, family);
  const bool heard = std::any_of(servers.begin(), servers.end(),
                                 [](const NetcheckServer* server) { return server->state.heard; });
  if (heard) return UdpVerdict::refused;
  if (!report.of(family).route_fault.empty()) return UdpVerdict::no_route;
  return servers.empty() ? UdpVerdict::unchecked : UdpVerdict::blocked;
}

bool network_serves(const NetcheckReport& report) {
  return udp_verdict(report, Family::v4) == UdpVerdict::works ||
         udp_verdict(report, Family::v6) == UdpVerdict::works;
}

std::vector<std::string> netcheck_advice(const NetcheckReport& report) {
  std::vector<std::string> advice;
  if (report.servers.empty()) {
    advice.emplace_back(
        "name two STUN servers, at different addresses, with --stun HOST:PORT or as stun.servers "
        "in NAME.toml; without any, a node knows its public address only from members that it "
        "has reached");
  }
  const bool has_address =
      std::any_of(report.servers.begin(), report.servers.end(),
                  [](const NetcheckServer& server) { return server.state.server.is_set(); });
  if (!report.servers.empty() && !has_address) {
    advice.emplace_back("no server's name has an address: check the names and the name service");
  }
  if (!report.of(Family::v4).route_fault.empty() && !report.of(Family::v6).route_fault.empty()) {
    advice.emplace_back("this machine reaches its own networks at most: give it a default route");
  }
  for (const auto& [family, name] : kFamilies) advise(report, family, name, advice);
  return advice;
}

std::string netcheck_text(const NetcheckReport& report) {
  Text text;
  for (const auto& [which, name] : kFamilies) {
    const NetcheckFamily& family = report.of(which);
    const UdpVerdict verdict = udp_verdict(report, which);
    text.heading(std::string(name) + ":");
    text.line("UDP", verdict_text(verdict, family));
    if (verdict == UdpVerdict::works) text.line("NAT", mapping_text(family.mapping));
    text.line("seen as", list_text(family.mapped));
  }
  if (!report.servers.empty()) text.heading("STUN servers:");
  for (const NetcheckServer& server : report.servers) {
    text.line(server_name(server), server_text(server));
  }
  text.heading("addresses of this machine:");
  for (const NetcheckLocal& local : report.local) {
    text.line(local.interface,
              local.address.to_string() + in_brackets(is_private(local.address) ? "private" : ""));
  }
  if (report.local.empty()) text.line("none", "but loopback and link-local ones");
  std::string all = text.take();
  const std::vector<std::string> advice = netcheck_advice(report);
  if (!advice.empty()) all += "\nwhat to do:\n";
  for (const std::string& sentence : advice) all += "  " + sentence + "\n";
  return all;
}

std::string netcheck_json(const NetcheckReport& report) {
  Json servers = Json::array();
  for (const NetcheckServer& server : report.servers) servers.push_back(server_json(server));
  Json local = Json::array();
  for (const NetcheckLocal& one : report.local) {
    local.push_back({{"interface", one.interface},
                     {"address", one.address.to_string()},
                     {"private", is_private(one.address)}});
  }
  return one_line({{"schema_version", kStatusSchemaVersion},
                   {"netcheck",
                    {{"serves", network_serves(report)},
                     {"ipv4", family_json(report, Family::v4)},
                     {"ipv6", family_json(report, Family::v6)},
                     {"servers", std::move(servers)},
                     {"local", std::move(local)},
                     {"advice", netcheck_advice(report)}}}});
}

}  // namespace xm
