#include "agent/nat/stun_client.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>

namespace xm {
namespace {

using Stage = StunServerState::Stage;

constexpr Duration kBetweenChanges = 1s;

// Errors of a send that the next repetition may not meet.
bool is_passing(int error) {
  return error == EAGAIN || error == ENOBUFS || error == ENOMEM || error == EINTR;
}

std::string seconds_text(Duration duration) {
  return std::to_string(std::chrono::round<std::chrono::seconds>(duration).count()) + " s";
}

}  // namespace

const char* to_string(NatMapping mapping) {
  switch (mapping) {
    case NatMapping::unknown:
      return "unknown";
    case NatMapping::none:
      return "none";
    case NatMapping::endpoint_independent:
      return "endpoint-independent";
    case NatMapping::address_dependent:
      return "address-dependent";
  }
  return "unknown";
}

StunClient::StunClient(Random& random, const StunOptions& options)
    : random_(random), options_(options) {}

void StunClient::set_servers(std::span<const Endpoint> servers, Instant now) {
  std::vector<Server> kept = std::exchange(servers_, {});
  for (const Endpoint& endpoint : servers) {
    if (servers_.size() == kMaxServers || find(endpoint) != nullptr) continue;
    const auto old = std::find_if(kept.begin(), kept.end(), [&](const Server& server) {
      return server.state.server == endpoint;
    });
    if (old != kept.end()) {
      servers_.push_back(*old);
      continue;
    }
    Server server;
    server.state.server = endpoint;
    start(server, now);
    servers_.push_back(server);
  }
  conclude(IpAddress::Family::v4);
  conclude(IpAddress::Family::v6);
}

void StunClient::set_local(std::vector<IpAddress> local) {
  local_ = std::move(local);
  conclude(IpAddress::Family::v4);
  conclude(IpAddress::Family::v6);
}

void StunClient::network_changed(Instant now) {
  if (!asked_all_at_.is_never() && now - asked_all_at_ < kBetweenChanges) {
    change_waits_ = true;
  } else {
    ask_all(now);
  }
}

void StunClient::ask_all(Instant now) {
  change_waits_ = false;
  asked_all_at_ = now;
  for (Family& family : families_) ++family.round;
  for (Server& server : servers_) start(server, now);
}

void StunClient::receive(Bytes datagram, const Endpoint& source, Instant now) {
  const auto response = parse_binding_response(datagram);
  if (!response) {
    ++counters_.malformed;
    return;
  }
  Server* server = find(source);
  if (server == nullptr || server->sent == 0 ||
      server->transaction != response.value().transaction) {
    ++counters_.unexpected;
    return;
  }
  ++counters_.answers;
  server->state.heard = true;
  take_answer(*server, response.value(), now);
}

void StunClient::take_answer(Server& server, const StunResponse& response, Instant now) {
  if (!response.failure.empty()) {
    fail(server, response.failure, now);
    return;
  }
  if (response.mapped.address.family != server.state.server.address.family) {
    fail(server, "its answer has an address of the other family", now);
    return;
  }
  // Karn's rule: an answer after a repetition may be to either request.
  server.state.rtt = server.sent == 1 ? now - server.sent_at : Duration(0);
  server.sent = 0;
  Family& family = family_of(server);
  const Endpoint before = std::exchange(server.state.mapped, response.mapped);
  const bool another = before.is_set() && before != response.mapped;
  if (another && server.round == family.round) begin_round(family, server, now);
  server.round = family.round;
  server.state.stage = Stage::answered;
  server.state.answered_at = now;
  server.state.failure.clear();
  conclude(server.state.server.address.family);
  const bool open = mapping(server.state.server.address.family) == NatMapping::none;
  server.due_at = now + shortened(open ? options_.refresh : options_.refresh_behind_nat);
}

// Only idle servers are asked: who is being asked will answer in the new round anyway, and one that
// failed has its own time.
void StunClient::begin_round(Family& family, const Server& changed, Instant now) {
  ++family.round;
  for (Server& server : servers_) {
    if (&server != &changed && &family_of(server) == &family && server.sent == 0 &&
        server.state.stage == Stage::answered) {
      start(server, now);
    }
  }
}

void StunClient::send_failed(const Endpoint& to, int error, Instant now) {
  Server* server = find(to);
  if (server == nullptr || server->sent == 0 || is_passing(error)) return;
  fail(*server, errno_error("it cannot be sent to", error).what, now);
}

void StunClient::fail(Server& server, std::string why, Instant now) {
  server.sent = 0;
  server.state.stage = Stage::failed;
  server.state.failure = std::move(why);
  server.state.mapped = {};
  server.state.rtt = Duration(0);
  server.due_at = now + shortened(options_.retry);
  conclude(server.state.server.address.family);
}

void StunClient::on_timers(Instant now) {
  if (change_waits_ && now - asked_all_at_ >= kBetweenChanges) ask_all(now);
  for (Server& server : servers_) {
    if (server.due_at > now) continue;
    if (server.sent == 0) {
      start(server, now);
    } else if (server.sent < options_.transmissions) {
      transmit(server, now);
    } else {
      fail(server,
           "it does not answer (" + std::to_string(server.sent) + " requests in " +
               seconds_text(now - server.sent_at) + ")",
           now);
    }
  }
}

Instant StunClient::next_deadline() const {
  Instant next = change_waits_ ? asked_all_at_ + kBetweenChanges : kFarFuture;
  for (const Server& server : servers_) next = std::min(next, server.due_at);
  return next;
}

void StunClient::start(Server& server, Instant now) {
  random_.fill(server.transaction);
  server.sent = 0;
  server.sent_at = now;
  server.state.stage = Stage::asking;
  server.state.heard = false;
  transmit(server, now);
}

void StunClient::transmit(Server& server, Instant now) {
  ++server.sent;
  ++counters_.sent;
  server.due_at = now + wait_after(server.sent);
  actions_.emplace_back(Send{server.state.server, binding_request(server.transaction)});
}

Duration StunClient::wait_after(unsigned sent) const {
  if (sent >= options_.transmissions) return options_.first_wait * options_.last_waits;
  return options_.first_wait * (std::int64_t{1} << (sent - 1));
}

Duration StunClient::shortened(Duration interval) {
  std::array<std::uint8_t, 1> byte{};
  random_.fill(byte);
  return interval - interval / 5 * byte[0] / 256;
}

void StunClient::conclude(IpAddress::Family which) {
  Family& family = families_[which == IpAddress::Family::v6 ? 1 : 0];
  std::vector<Endpoint> mapped;
  for (const Server& server : servers_) {
    const Endpoint& seen = server.state.mapped;
    if (seen.address.family == which &&
        std::find(mapped.begin(), mapped.end(), seen) == mapped.end()) {
      mapped.push_back(seen);
    }
  }
  const NatMapping mapping = judge(which);
  if (mapping == family.mapping && mapped == family.mapped) return;
  family.mapping = mapping;
  family.mapped = std::move(mapped);
  actions_.emplace_back(MappingChanged{which});
}

NatMapping StunClient::judge(IpAddress::Family which) const {
  const Family& family = family_of(which);
  bool asking = false;
  bool inside = false;
  std::vector<const StunServerState*> outside;
  for (const Server& server : servers_) {
    const StunServerState& state = server.state;
    if (state.server.address.family != which) continue;
    if (server.round != family.round || !state.mapped.is_set()) {
      asking = asking || state.stage == Stage::asking;
    } else if (is_local(state.mapped.address)) {
      inside = true;
    } else {
      outside.push_back(&state);
    }
  }
  // A server on our side of a NAT says nothing about it as long as one beyond it answers.
  if (outside.empty() && inside) return NatMapping::none;
  bool compared = false;
  for (const StunServerState* state : outside) {
    if (state->mapped != outside.front()->mapped) return NatMapping::address_dependent;
    compared = compared || state->server.address != outside.front()->server.address;
  }
  if (compared) return NatMapping::endpoint_independent;
  // The answers to come decide; what was known meanwhile holds, unless an answer contradicts it.
  const bool contradicted = family.mapping == NatMapping::none && !outside.empty();
  return asking && !contradicted ? family.mapping : NatMapping::unknown;
}

bool StunClient::is_local(const IpAddress& address) const {
  return std::find(local_.begin(), local_.end(), address) != local_.end();
}

StunClient::Server* StunClient::find(const Endpoint& endpoint) {
  const auto found = std::find_if(servers_.begin(), servers_.end(), [&](const Server& server) {
    return server.state.server == endpoint;
  });
  return found == servers_.end() ? nullptr : &*found;
}

std::vector<StunServerState> StunClient::servers() const {
  std::vector<StunServerState> states;
  for (const Server& server : servers_) states.push_back(server.state);
  return states;
}

}  // namespace xm
