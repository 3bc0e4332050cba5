#include "agent/nat/candidates.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace xm {
namespace {

constexpr std::array<IpAddress::Family, 2> kFamilies{IpAddress::Family::v6, IpAddress::Family::v4};

struct Refused {
  Prefix prefix;
  const char* why;
};

Prefix prefix(std::string_view text) {
  return *Prefix::parse(text);
}

// The first row that fits says why.
const std::vector<Refused>& refused_blocks() {
  static const std::vector<Refused> kBlocks{
      {prefix("0.0.0.0/8"), "it is an unspecified address"},
      {prefix("127.0.0.0/8"), "it is a loopback address"},
      {prefix("169.254.0.0/16"), "it is a link-local address"},
      {prefix("224.0.0.0/4"), "it is a multicast address"},
      {prefix("255.255.255.255/32"), "it is the broadcast address"},
      {prefix("240.0.0.0/4"), "it is a reserved address"},
      {prefix("::/128"), "it is an unspecified address"},
      {prefix("::1/128"), "it is a loopback address"},
      {prefix("::ffff:0:0/96"), "it is an IPv4 address spelt as an IPv6 one"},
      {prefix("::/96"), "it is an IPv4 address spelt as an IPv6 one"},
      {prefix("ff00::/8"), "it is a multicast address"},
  };
  return kBlocks;
}

const Prefix& link_local_v6() {
  static const Prefix kLinkLocal = prefix("fe80::/10");
  return kLinkLocal;
}

bool holds(std::span<const Prefix> prefixes, const IpAddress& address) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const Prefix& one) { return one.contains(address); });
}

template <typename T>
bool holds_value(const std::vector<T>& list, const T& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

}  // namespace

const char* candidate_fault(const Endpoint& endpoint, std::span<const Prefix> inside) {
  if (!endpoint.is_set()) return "it has no address";
  if (endpoint.port == 0) return "its port is 0";
  for (const Refused& block : refused_blocks()) {
    if (block.prefix.contains(endpoint.address)) return block.why;
  }
  if (link_local_v6().contains(endpoint.address) && endpoint.scope == 0) {
    return "it is a link-local address without an interface";
  }
  if (holds(inside, endpoint.address)) return "it is an address inside the mesh";
  return nullptr;
}

std::vector<Endpoint> usable_candidates(std::span<const Endpoint> offered,
                                        std::span<const Prefix> inside,
                                        std::span<const Prefix> on_link) {
  std::vector<Endpoint> usable;
  for (const Endpoint& endpoint : offered) {
    if (candidate_fault(endpoint, inside) == nullptr && !holds_value(usable, endpoint)) {
      usable.push_back(endpoint);
    }
  }
  std::stable_partition(usable.begin(), usable.end(),
                        [&](const Endpoint& endpoint) { return holds(on_link, endpoint.address); });
  return usable;
}

bool is_private(const IpAddress& address) {
  static const std::array<Prefix, 5> kPrivate{prefix("10.0.0.0/8"), prefix("172.16.0.0/12"),
                                              prefix("192.168.0.0/16"), prefix("100.64.0.0/10"),
                                              prefix("fc00::/7")};
  return holds(kPrivate, address);
}

void Candidates::set_local(std::vector<IpAddress> local, std::uint16_t port) {
  local_ = std::move(local);
  port_ = port;
}

void Candidates::observe(MemberNumber by, const Endpoint& address, Instant now) {
  if (candidate_fault(address, inside_) != nullptr || address.scope != 0) return;
  if (!observations_.contains(by) && observations_.size() >= kMostObservers) {
    const auto oldest = std::min_element(
        observations_.begin(), observations_.end(),
        [](const auto& a, const auto& b) { return a.second.last() < b.second.last(); });
    observations_.erase(oldest);
  }
  observations_[by].of[address.address.is_v6() ? 1 : 0] = {address, now};
}

void Candidates::forget(MemberNumber member) {
  observations_.erase(member);
}

void Candidates::on_timers(Instant now) {
  for (auto& [member, observations] : observations_) {
    for (Observation& one : observations.of) {
      if (!one.at.is_never() && now - one.at >= kObservationLife) one = {};
    }
  }
  std::erase_if(observations_, [](const auto& entry) { return entry.second.last().is_never(); });
}

std::vector<Endpoint> Candidates::observed(IpAddress::Family family) const {
  struct Seen {
    Endpoint address;
    unsigned by = 0;
    Instant last;
  };
  std::vector<Seen> seen;
  for (const auto& [member, observations] : observations_) {
    const Observation& one = observations.of[family == IpAddress::Family::v6 ? 1 : 0];
    if (one.at.is_never()) continue;
    auto at = std::find_if(seen.begin(), seen.end(),
                           [&](const Seen& other) { return other.address == one.address; });
    if (at == seen.end()) at = seen.insert(at, {one.address, 0, {}});
    ++at->by;
    at->last = std::max(at->last, one.at);
  }
  std::erase_if(seen, [](const Seen& one) { return one.by < kObserversNeeded; });
  std::stable_sort(seen.begin(), seen.end(),
                   [](const Seen& a, const Seen& b) { return a.last > b.last; });
  std::vector<Endpoint> agreed;
  agreed.reserve(seen.size());
  for (const Seen& one : seen) agreed.push_back(one.address);
  return agreed;
}

std::optional<bool> Candidates::is_translated(IpAddress::Family family) const {
  const std::vector<Endpoint> agreed = observed(family);
  if (agreed.empty()) return std::nullopt;
  return !holds_value(local_, agreed.front().address);
}

// In order of cost, IPv6 first within a kind (no NAT, as a rule), each endpoint once.
std::vector<Candidate> Candidates::all() const {
  std::vector<Candidate> candidates;
  const auto offer = [&](CandidateKind kind, IpAddress::Family family, const Endpoint& endpoint) {
    const bool known =
        std::any_of(candidates.begin(), candidates.end(),
                    [&](const Candidate& other) { return other.endpoint == endpoint; });
    if (endpoint.address.family == family && endpoint.scope == 0 && !known &&
        candidate_fault(endpoint, inside_) == nullptr) {
      candidates.push_back({endpoint, kind});
    }
  };
  const auto offer_local = [&](CandidateKind kind, IpAddress::Family family, bool wants_private) {
    for (const IpAddress& address : local_) {
      if (is_private(address) == wants_private) offer(kind, family, {address, port_, 0});
    }
  };
  using Kind = CandidateKind;
  for (const auto family : kFamilies) {
    for (const Endpoint& endpoint : configured_) offer(Kind::configured, family, endpoint);
  }
  for (const auto family : kFamilies) offer_local(Kind::global, family, false);
  for (const auto family : kFamilies) {
    for (const Endpoint& endpoint : mapped_) offer(Kind::mapped, family, endpoint);
  }
  for (const auto family : kFamilies) {
    for (const Endpoint& endpoint : observed(family)) offer(Kind::observed, family, endpoint);
  }
  for (const auto family : kFamilies) offer_local(Kind::private_network, family, true);
  return candidates;
}

std::vector<Candidate> Candidates::list() const {
  struct Ranked {
    Candidate candidate;
    std::size_t place = 0;  // in order of cost
    std::size_t turn = 0;   // how many of its kind and family stand before it
  };
  std::vector<Ranked> ranked;
  for (const Candidate& candidate : all()) {
    const auto before = std::count_if(ranked.begin(), ranked.end(), [&](const Ranked& other) {
      return other.candidate.kind == candidate.kind &&
             other.candidate.endpoint.address.family == candidate.endpoint.address.family;
    });
    ranked.push_back({candidate, ranked.size(), static_cast<std::size_t>(before)});
  }
  const auto by_turn = [](const Ranked& a, const Ranked& b) {
    return std::pair(a.turn, a.place) < std::pair(b.turn, b.place);
  };
  std::sort(ranked.begin(), ranked.end(), by_turn);
  if (ranked.size() > kMost) ranked.resize(kMost);
  std::sort(ranked.begin(), ranked.end(),
            [](const Ranked& a, const Ranked& b) { return a.place < b.place; });
  std::vector<Candidate> candidates;
  candidates.reserve(ranked.size());
  for (const Ranked& one : ranked) candidates.push_back(one.candidate);
  return candidates;
}

Instant Candidates::next_deadline() const {
  Instant next = kFarFuture;
  for (const auto& [member, observations] : observations_) {
    for (const Observation& one : observations.of) {
      if (!one.at.is_never()) next = std::min(next, one.at + kObservationLife);
    }
  }
  return next;
}

}  // namespace xm
