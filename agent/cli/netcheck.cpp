#include "agent/cli/netcheck.hpp"

#include <algorithm>
#include <utility>

#include "agent/cli/config_argument.hpp"
#include "agent/nat/candidates.hpp"
#include "agent/nat/stun_client.hpp"

namespace xm {
namespace {

using Family = IpAddress::Family;
using Stage = StunServerState::Stage;

// A person waits: sent at 0, 500, 1500 and 3500 ms, given up 2 s after that.
constexpr StunOptions kHasty{.transmissions = 4, .last_waits = 4};

// Where no server is to be asked, a way to everywhere is looked for: addresses that are nobody's
// (RFC 5737, RFC 3849), and the discard protocol's port.
Endpoint somewhere(Family family) {
  return {*IpAddress::parse(family == Family::v6 ? "2001:db8::1" : "192.0.2.1"), 9, 0};
}

// The first address of each family: two of one machine would say the same twice.
std::vector<NetcheckServer> resolve(const HostPort& server, NetcheckEdge& edge) {
  const std::string name = server.to_string();
  const auto addresses = edge.resolve(server.host);
  if (!addresses) {
    NetcheckServer failed{name, {}};
    failed.state.stage = Stage::failed;
    failed.state.failure = addresses.error().what;
    return {failed};
  }
  std::vector<NetcheckServer> found;
  for (const IpAddress& address : addresses.value()) {
    const bool known = std::any_of(found.begin(), found.end(), [&](const NetcheckServer& other) {
      return other.state.server.address.family == address.family;
    });
    if (known) continue;
    NetcheckServer one{name, {}};
    one.state.server = {address, server.port, 0};
    found.push_back(std::move(one));
  }
  return found;
}

void send_wanted(StunClient& client, NetcheckEdge& edge) {
  for (auto actions = client.take_actions(); !actions.empty(); actions = client.take_actions()) {
    for (const StunClient::Action& action : actions) {
      const auto* send = std::get_if<StunClient::Send>(&action);
      if (send == nullptr) continue;
      const int error = edge.send(send->to, send->bytes);
      if (error != 0) client.send_failed(send->to, error, edge.now());
    }
  }
}

bool is_asking(const StunClient& client) {
  const auto states = client.servers();
  return std::any_of(states.begin(), states.end(),
                     [](const StunServerState& state) { return state.stage == Stage::asking; });
}

void ask(StunClient& client, NetcheckEdge& edge) {
  send_wanted(client, edge);
  while (is_asking(client)) {
    const auto received = edge.receive(client.next_deadline());
    if (received && is_stun(received->bytes)) {
      client.receive(received->bytes, received->from, edge.now());
    }
    client.on_timers(edge.now());
    send_wanted(client, edge);
  }
}

void take_states(const StunClient& client, std::vector<NetcheckServer>& servers) {
  for (const StunServerState& state : client.servers()) {
    for (NetcheckServer& server : servers) {
      if (server.state.server == state.server) server.state = state;
    }
  }
}

}  // namespace

Result<NetcheckReport> check_network(const std::vector<HostPort>& servers,
                                     const std::vector<Prefix>& inside, NetcheckEdge& edge,
                                     Random& random) {
  const auto local = edge.local();
  if (!local) return local.error();
  NetcheckReport report;
  std::vector<IpAddress> own;
  for (const LocalAddress& one : local.value()) {
    own.push_back(one.address);
    if (candidate_fault({one.address, 1, 0}, inside) == nullptr) {
      report.local.push_back({one.interface, one.address});
    }
  }
  std::vector<Endpoint> endpoints;
  for (const HostPort& server : servers) {
    for (NetcheckServer& one : resolve(server, edge)) {
      if (one.state.server.is_set()) endpoints.push_back(one.state.server);
      report.servers.push_back(std::move(one));
    }
  }
  if (endpoints.size() > StunClient::kMaxServers) {
    return Error{"expected STUN servers with at most " + std::to_string(StunClient::kMaxServers) +
                 " addresses in all, got " + std::to_string(endpoints.size())};
  }
  StunClient client(random, kHasty);
  client.set_local(std::move(own));
  client.set_servers(endpoints, edge.now());
  ask(client, edge);
  take_states(client, report.servers);
  for (const Family family : {Family::v4, Family::v6}) {
    const auto server =
        std::find_if(endpoints.begin(), endpoints.end(),
                     [&](const Endpoint& endpoint) { return endpoint.address.family == family; });
    const Endpoint to = server == endpoints.end() ? somewhere(family) : *server;
    report.of(family) = {edge.route_fault(to), client.mapping(family), client.mapped(family)};
  }
  return report;
}

int run_netcheck(const NetcheckCommand& command, NetcheckEdge& edge, std::FILE* out,
                 std::FILE* err) {
  std::vector<HostPort> servers = command.stun;
  std::vector<Prefix> inside;
  if (!command.what.empty()) {
    const auto loaded = load_named_config(config_path(command.what, command.directory));
    if (!loaded) {
      std::fprintf(err, "xdp-mesh: %s\n", loaded.error().what.c_str());
      return 1;
    }
    const MeshConfig& config = loaded.value().config;
    servers.insert(servers.end(), config.stun_servers.begin(), config.stun_servers.end());
    inside.push_back(config.ipv4_prefix);
  }
  SystemRandom random;
  const auto report = check_network(servers, inside, edge, random);
  if (!report) {
    std::fprintf(err, "xdp-mesh: %s\n", report.error().what.c_str());
    return 1;
  }
  const std::string text =
      command.json ? netcheck_json(report.value()) + "\n" : netcheck_text(report.value());
  std::fputs(text.c_str(), out);
  return std::fflush(out) == 0 && network_serves(report.value()) ? 0 : 1;
}

}  // namespace xm
