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
  for (const Seed& seed : config.seeds) seeds_.push_back({seed, {}, {}});
  servers_.clear();
  for (const HostPort& at : config.stun_servers) servers_.push_back({at, {}, {}});
  std::vector<SoughtPeer> peers;
  for (const StaticPeer& peer : config.peers) peers.push_back(sought(peer));
  peers_ = std::move(peers);
  interval_ = std::chrono::seconds(config.resolve_seconds);
  ask_again(now);
}

// As a newcomer, or as one whose place may have changed.
MeshNames::SoughtPeer MeshNames::sought(const StaticPeer& peer) const {
  for (const SoughtPeer& old : peers_) {
    if (old.peer.public_key != peer.public_key) continue;
    return {peer, {}, old.has_moved || old.peer.endpoint != peer.endpoint};
  }
  return {peer, {}, false};
}

void MeshNames::ask_again(Instant now) {
  for (std::size_t i = 0; i < seeds_.size(); ++i) {
    ask(Kind::seed, i, seeds_[i].seed.at, !seeds_[i].seed.identity);
  }
  for (std::size_t i = 0; i < servers_.size(); ++i) ask(Kind::server, i, servers_[i].at, false);
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    if (peers_[i].peer.endpoint) ask(Kind::peer, i, *peers_[i].peer.endpoint, false);
  }
  const bool is_needed = !seeds_.empty() || !servers_.empty() || !peers_.empty();
  again_at_ = is_needed ? now + interval_ : kFarFuture;
}

void MeshNames::ask_soon(Instant now) {
  const bool has_names = std::any_of(seeds_.begin(), seeds_.end(), [](const SoughtSeed& sought) {
    return !IpAddress::parse(sought.seed.at.host);
  });
  if (has_names) again_at_ = std::min(again_at_, now + kAfterFault);
}

void MeshNames::ask(Kind kind, std::size_t index, const HostPort& at, bool identities) {
  const std::uint64_t id = (generation_ << (kIndexBits + kKindBits)) |
                           (static_cast<std::uint64_t>(kind) << kIndexBits) | index;
  // Where too many wait the next round asks.
  if (lookup_->ask({.id = id, .host = at.host, .port = at.port, .identities = identities})) {
    ++unanswered_;
  }
}

MeshNames::News MeshNames::take(Instant now) {
  News news;
  for (const NameResult& result : lookup_->take()) {
    if (result.id >> (kIndexBits + kKindBits) != generation_) continue;
    --unanswered_;
    if (!result.fault.empty()) again_at_ = std::min(again_at_, now + kAfterFault);
    const std::size_t index = result.id & ((1U << kIndexBits) - 1);
    switch (static_cast<Kind>((result.id >> kIndexBits) & ((1U << kKindBits) - 1))) {
      case Kind::seed:
        take_seed(seeds_.at(index), result);
        news.seeds.push_back(index);
        break;
      case Kind::server:
        servers_.at(index).fault = result.fault;
        if (!result.targets.empty()) servers_.at(index).endpoints = all_endpoints(result);
        news.servers = true;
        break;
      case Kind::peer:
        if (const auto found = all_endpoints(result); !found.empty()) {
          peers_.at(index).endpoint = found.front();
          news.peers.push_back(index);
          if (std::exchange(peers_[index].has_moved, false)) news.moved_peers.push_back(index);
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
  if (again_at_ > now) return;
  if (unanswered_ == 0) return ask_again(now);
  // A resolver that is slower than we ask is not asked twice.
  again_at_ = now + kAfterFault;
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
  return faults;
}

}  // namespace xm
