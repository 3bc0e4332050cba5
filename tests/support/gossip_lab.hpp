// Whole gossip nodes, with their real cipher, over a network that a test can look into and bend.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/mesh/gossip.hpp"
#include "tests/support/seeded_random.hpp"
#include "tests/support/signed_words.hpp"

namespace xm::test {

struct GossipDatagram {
  Endpoint from;
  Endpoint to;
  std::vector<std::uint8_t> bytes;
};

// One node: its key and what would be on its disk outlive restart().
struct GossipNode {
  GossipNode(SignedWords& words, std::uint64_t seed, const Endpoint& where)
      : random(seed), authority(words, generate_signing_key(random)), endpoint(where) {
    identity = Identity::of(authority.key());
    record = words.sign_record(authority.key(), 1, endpoint);
  }

  // A new life: another boot id, nothing remembered.
  void restart(const std::string& mesh, Instant now, const SwimOptions& swim = {}) {
    gossip = std::make_unique<Gossip>(
        identity, x25519_of(authority.key()),
        GossipOptions{.mesh = mesh, .swim = swim, .organisations = organisations, .is_usable = {}},
        authority, random);
    if (!gossip->start(record, now)) std::abort();
  }

  [[nodiscard]] bool knows(const GossipNode& other) const {
    return gossip->swim().members().find(other.identity) != nullptr;
  }
  [[nodiscard]] MemberState state_of(const GossipNode& other) const {
    return gossip->swim().members().find(other.identity)->state;
  }
  [[nodiscard]] std::size_t count_of(MemberChange change) const {
    return static_cast<std::size_t>(
        std::count_if(changes.begin(), changes.end(),
                      [&](const MemberChanged& seen) { return seen.change == change; }));
  }

  SeededRandom random;
  SharedAuthority authority;
  Endpoint endpoint;
  Identity identity;
  SharedRecord record;
  std::vector<VerifyKey> organisations;
  std::unique_ptr<Gossip> gossip;
  std::vector<MemberChanged> changes;
  std::size_t duplicates = 0;
  std::vector<EndpointVerified> verified;
};

class GossipLab {
 public:
  explicit GossipLab(std::size_t count, const SwimOptions& options = {}) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::string text = "192.0.2." + std::to_string(i + 1) + ":51820";
      nodes.push_back(std::make_unique<GossipNode>(words, 100 + i, Endpoint::parse(text).value()));
      nodes.back()->restart(words.mesh(), now, options);
    }
  }

  [[nodiscard]] GossipNode& operator[](std::size_t node) { return *nodes[node]; }

  void contact(std::size_t from, std::size_t to) {
    nodes[from]->gossip->contact(nodes[to]->identity, nodes[to]->endpoint, now);
    carry_out(*nodes[from]);
  }

  // A datagram from anywhere, delivered at once; what the node answers is on its way.
  void deliver(std::size_t to, const Endpoint& from, Bytes bytes) {
    nodes[to]->gossip->receive(bytes, from, now);
    carry_out(*nodes[to]);
  }

  void carry_out(GossipNode& node) {
    for (GossipAction& action : node.gossip->take_actions()) {
      if (auto* const send = std::get_if<SendDatagram>(&action)) {
        GossipDatagram datagram{node.endpoint, send->to, std::move(send->bytes)};
        log.push_back(datagram);
        if (!filter || filter(datagram)) wire.emplace_back(now + Duration(1ms), datagram);
      } else if (const auto* const change = std::get_if<MemberChanged>(&action)) {
        node.changes.push_back(*change);
      } else if (const auto* const proved = std::get_if<EndpointVerified>(&action)) {
        node.verified.push_back(*proved);
      } else if (std::holds_alternative<DuplicateIdentity>(action)) {
        ++node.duplicates;
      }
    }
  }

  void pass(Duration span) {
    const Instant end = now + span;
    for (;;) {
      Instant next = wire.empty() ? kFarFuture : wire.front().first;
      for (const auto& node : nodes) next = std::min(next, node->gossip->next_deadline());
      if (next > end) break;
      now = std::max(now, next);
      while (!wire.empty() && wire.front().first <= now) {
        const GossipDatagram datagram = std::move(wire.front().second);
        wire.pop_front();
        for (std::size_t i = 0; i < nodes.size(); ++i) {
          if (nodes[i]->endpoint == datagram.to) deliver(i, datagram.from, datagram.bytes);
        }
      }
      for (const auto& node : nodes) {
        if (node->gossip->next_deadline() > now) continue;
        node->gossip->on_timers(now);
        carry_out(*node);
      }
    }
    now = end;
  }

  [[nodiscard]] std::size_t bytes_to(const Endpoint& endpoint) const {
    std::size_t sum = 0;
    for (const GossipDatagram& datagram : log) {
      sum += datagram.to == endpoint ? datagram.bytes.size() : 0;
    }
    return sum;
  }
  [[nodiscard]] std::size_t datagrams_to(const Endpoint& endpoint) const {
    return static_cast<std::size_t>(
        std::count_if(log.begin(), log.end(),
                      [&](const GossipDatagram& datagram) { return datagram.to == endpoint; }));
  }
  // The last of a kind that went to a node.
  [[nodiscard]] GossipDatagram last_to(std::size_t node, EnvelopeKind kind) const {
    for (auto at = log.rbegin(); at != log.rend(); ++at) {
      if (at->to == nodes[node]->endpoint && envelope_kind(at->bytes) == kind) return *at;
    }
    std::abort();
  }

  Instant now{1'000'000'000'000};
  SignedWords words{"lab"};
  std::vector<std::unique_ptr<GossipNode>> nodes;
  std::deque<std::pair<Instant, GossipDatagram>> wire;
  std::vector<GossipDatagram> log;                    // everything that was ever sent
  std::function<bool(const GossipDatagram&)> filter;  // false: lost
};

}  // namespace xm::test
