#include "agent/node_mesh_names.hpp"

#include <algorithm>
#include <utility>

namespace xm {
namespace {

// How soon a name that led nowhere is looked up again.
constexpr Duration kAfterFault = 10s;

// A request's number: generation, kind, index.
constexpr unsigned kIndexBits = 16;
constexpr unsigned kKindBits = 2;

std::vector<Endpoint> all_endpoints(const NameResult& result) {
  std::vector<Endpoint> all;
  for (const NameTarget& target : result.targets) {
    all.insert(all.end(), target.endpoints.begin(), target.endpoints.end());
  }
  return all;
}

}  // namespace

Result<std::unique_ptr<MeshNames>> MeshNames::create(std::unique_ptr<Resolver> resolver) {
  auto lookup = NameLookup::create(std::move(resolver));
  if (!lookup) return lookup.error();
  return std::unique_ptr<MeshNames>(new MeshNames(std::move(*lookup)));
}

void MeshNames::set(const MeshConfig& config, Instant now) {
  ++generation_;
  unanswered_ = 0;
  seeds_.clear();
  for (const Seed& seed : config.seeds) seeds_.push_back({seed, {}, {}, false});
  servers_.clear();
  for (const HostPort& at : config.stun_servers) servers_.push_back({at, {}, {}, false});
  std::vector<SoughtPeer> peers;
  for (const StaticPeer& peer : config.peers) peers.push_back(sought(peer));
  peers_ = std::move(peers);
  interval_ = std::chrono::seconds(config.resolve_seconds);
  ask_again(now);
}

// As a newcomer, or as one whose place may have changed.
SoughtPeer MeshNames::sought(const StaticPeer& peer) const {
  for (const SoughtPeer& old : peers_) {
    if (old.peer.public_key != peer.public_key) continue;
    return {peer, {}, {}, false, old.has_moved || old.peer.endpoint != peer.endpoint};
  }
  return {peer, {}, {}, false, false};
}

void MeshNames::ask_again(Instant now) {
  const bool is_needed = !seeds_.empty() || !servers_.empty() || !peers_.empty();
  again_at_ = is_needed ? now + interval_ : kFarFuture;
  for (SoughtSeed& seed : seeds_) seed.is_due = true;
  for (Server& server : servers_) server.is_due = true;
  for (SoughtPeer& peer : peers_) peer.is_due = peer.peer.endpoint.has_value();
  // A resolver that is slower than we ask is not asked twice.
  if (unanswered_ == 0) return ask_due(now);
  due_at_ = std::min(due_at_, now + kAfterFault);
}

void MeshNames::ask_soon(Instant now) {
  for (SoughtSeed& sought : seeds_) {
    if (IpAddress::parse(sought.seed.at.host)) continue;
    sought.is_due = true;
    due_at_ = std::min(due_at_, now + kAfterFault);
  }
}

void MeshNames::ask_due(Instant now) {
  bool had_room = true;
  const auto note = [&](bool is_asked) {
    had_room = had_room && is_asked;
    return !is_asked;
  };
  for (std::size_t i = 0; i < seeds_.size(); ++i) {
    SoughtSeed& sought = seeds_[i];
    if (!sought.is_due) continue;
    sought.is_due = note(ask(Kind::seed, i, sought.seed.at, !sought.seed.identity));
  }
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    Server& server = servers_[i];
    if (server.is_due) server.is_due = note(ask(Kind::server, i, server.at, false));
  }
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    SoughtPeer& sought = peers_[i];
    if (sought.is_due) sought.is_due = note(ask(Kind::peer, i, *sought.peer.endpoint, false));
  }
  due_at_ = had_room ? kFarFuture : now + kAfterFault;
}

bool MeshNames::ask(Kind kind, std::size_t index, const HostPort& at, bool identities) {
  const std::uint64_t id = (generation_ << (kIndexBits + kKindBits)) |
                           (static_cast<std::uint64_t>(kind) << kIndexBits) | index;
  if (!lookup_->ask({.id = id, .host = at.host, .port = at.port, .identities = identities})) {
    return false;
  }
  ++unanswered_;
  return true;
}

MeshNames::News MeshNames::take(Instant now) {
  News news;
  for (const NameResult& result : lookup_->take()) {
    if (result.id >> (kIndexBits + kKindBits) != generation_) continue;
    --unanswered_;
    const bool is_due = !result.fault.empty();
    if (is_due) due_at_ = std::min(due_at_, now + kAfterFault);
    const std::size_t index = result.id & ((1U << kIndexBits) - 1);
    switch (static_cast<Kind>((result.id >> kIndexBits) & ((1U << kKindBits) - 1))) {
      case Kind::seed:
        take_seed(seeds_.at(index), result);
        seeds_[index].is_due = is_due;
        news.seeds.push_back(index);
        break;
      case Kind::server:
        servers_.at(index).fault = result.fault;
        servers_[index].is_due = is_due;
        if (!result.targets.empty()) servers_.at(index).endpoints = all_endpoints(result);
        news.servers = true;
        break;
      case Kind::peer:
        peers_.at(index).fault = result.fault;
        peers_[index].is_due = is_due;
        if (const auto found = all_endpoints(result); !found.empty()) {
          peers_.at(index).endpoint = found.front();
          news.peers.push_back(index);
        }
        break;
    }
  }
  return news;
}

// A name that leads nowhere now is not forgotten: what it led to may serve still.
void MeshNames::take_seed(SoughtSeed& sought, const NameResult& result) {
  sought.fault = result.fault;
  if (result.targets.empty()) return;
  sought.places.clear();
  for (const NameTarget& target : result.targets) {
    std::optional<Identity> identity = sought.seed.identity;
    for (const std::string& text : target.identities) {
      if (identity) break;
      if (const auto parsed = Identity::parse(text)) identity = parsed.value();
    }
    for (const Endpoint& endpoint : target.endpoints) {
      sought.places.push_back({identity, endpoint});
    }
  }
}

void MeshNames::on_timers(Instant now) {
  if (again_at_ <= now) return ask_again(now);
  if (due_at_ > now) return;
  if (unanswered_ == 0) return ask_due(now);
  due_at_ = now + kAfterFault;
}

std::vector<Endpoint> MeshNames::servers() const {
  std::vector<Endpoint> all;
  for (const Server& server : servers_) {
    all.insert(all.end(), server.endpoints.begin(), server.endpoints.end());
  }
  return all;
}

std::vector<std::string> MeshNames::faults() const {
  std::vector<std::string> faults;
  for (const SoughtSeed& sought : seeds_) {
    if (!sought.fault.empty()) {
      faults.push_back("seed " + sought.seed.to_string() + ": " + sought.fault);
    }
  }
  for (const Server& server : servers_) {
    if (!server.fault.empty()) {
      faults.push_back("STUN server " + server.at.to_string() + ": " + server.fault);
    }
  }
  for (const SoughtPeer& sought : peers_) {
    if (!sought.fault.empty()) {
      faults.push_back("peer " + sought.peer.endpoint->to_string() + ": " + sought.fault);
    }
  }
  return faults;
}

}  // namespace xm
