// Where members are: what has echoed a challenge, what is only offered, and what is asked.
#include <algorithm>
#include <utility>

#include "agent/mesh/gossip.hpp"
#include "agent/mesh/record.hpp"

namespace xm {
namespace {

constexpr std::size_t kMaxProbes = 16;
constexpr Duration kChallengeEvery = 1s;
// As many as a record holds, and as many again that were heard of otherwise.
constexpr std::size_t kMostCandidates = 2 * kMaxRecordEndpoints;

}  // namespace

// Of a probe it is news of that place alone; else the member is there now.
void Gossip::on_echo(Peer& peer, const Endpoint& source, Instant now) {
  const auto probe = std::find_if(peer.probes.begin(), peer.probes.end(),
                                  [&](const auto& sent) { return sent.first == source; });
  if (probe == peer.probes.end()) {
    set_endpoint(peer, source);
    return;
  }
  actions_.emplace_back(ProbeAnswered{peer.identity, source, now - probe->second});
  peer.probes.erase(probe);
}

void Gossip::set_endpoint(Peer& peer, const Endpoint& endpoint) {
  if (peer.endpoint == endpoint) return;
  peer.endpoint = endpoint;
  actions_.emplace_back(EndpointVerified{peer.identity, endpoint});
}

void Gossip::challenge(Peer& peer, const Endpoint& source, Instant now) {
  if (!peer.challenged_at.is_never() && now - peer.challenged_at < kChallengeEvery) return;
  peer.challenged_at = now;
  ByteWriter out;
  write_message(out, ChallengeMessage{guard_.challenge_for(peer.identity, source, now)});
  send_payload({peer.identity, source, out.take()}, now);
}

void Gossip::set_candidates(const Identity& identity, std::vector<Endpoint> candidates) {
  Peer& peer = peer_of(identity);
  peer.candidates = std::move(candidates);
  peer.next_candidate = 0;
}

void Gossip::probe(const Identity& identity, const Endpoint& endpoint, Instant now) {
  if (swim_.members().find(identity) == nullptr) return;
  Peer& peer = peer_of(identity);
  if (!peer.current) {
    greet_at(peer, endpoint, now);
    return;
  }
  std::erase_if(peer.probes, [&](const auto& sent) {
    return sent.first == endpoint || now - sent.second > HelloGuard::kSlot;
  });
  if (peer.probes.size() == kMaxProbes) peer.probes.erase(peer.probes.begin());
  peer.probes.emplace_back(endpoint, now);
  ByteWriter out;
  write_message(out, ChallengeMessage{guard_.challenge_for(identity, endpoint, now)});
  seal_and_send(peer, endpoint, out.written(), now);
}

void Gossip::use_endpoint(const Identity& identity, const Endpoint& endpoint) {
  if (Peer* const peer = find(identity); peer != nullptr && peer->current) {
    set_endpoint(*peer, endpoint);
  }
}

void Gossip::heard_elsewhere(const Identity& identity, const Endpoint& source, Instant now) {
  if (swim_.members().find(identity) == nullptr) return;
  Peer& peer = peer_of(identity);
  swim_.heard_answer(identity, now);
  // Where the data plane finds it gossip may too, once the address has echoed.
  if (peer.endpoint != source && peer.current) {
    allowance_ = kSealedOverhead + kChallengeMessageSize;
    challenge(peer, source, now);
    allowance_ = 0;
  }
  pump(now);
}

Endpoint Gossip::endpoint_of(const Identity& identity) const {
  const auto peer = peers_.find(identity);
  return peer == peers_.end() ? Endpoint{} : peer->second.endpoint;
}

// What is not among the candidates yet becomes the first of them, within their bound.
void Gossip::try_first(Peer& peer, const Endpoint& endpoint) {
  if (std::find(peer.candidates.begin(), peer.candidates.end(), endpoint) !=
      peer.candidates.end()) {
    return;
  }
  if (peer.candidates.size() >= kMostCandidates) peer.candidates.pop_back();
  peer.candidates.insert(peer.candidates.begin(), endpoint);
  peer.next_candidate = 0;
}

Endpoint Gossip::next_candidate(Peer& peer) {
  if (peer.candidates.empty()) return {};
  return peer.candidates[peer.next_candidate++ % peer.candidates.size()];
}

}  // namespace xm
