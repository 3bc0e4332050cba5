// Whole nodes of a mesh, with real keys, trust and cipher, over a network that a test can part and
// bend, under virtual time.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/mesh/mesh.hpp"
#include "agent/mesh/trust_text.hpp"
#include "tests/support/seeded_random.hpp"

namespace xm::test {

// What would be on a disk.
class MemoryCounter final : public CounterStore {
 public:
  Result<std::uint64_t> load() override { return number; }
  Status save(std::uint64_t value) override {
    if (is_full) return Error{"the disk is full"};
    number = value;
    return {};
  }
  std::uint64_t number = 0;
  bool is_full = false;
};

struct MeshLabNode {
  MeshLabNode(std::uint64_t seed, const Endpoint& where)
      : random(seed), key(generate_signing_key(random)), identity(Identity::of(key)) {
    endpoint = where;
    options.mesh = "lab";
    options.ipv4_prefix = Prefix::parse("100.64.0.0/10").value();
    options.wishes.endpoints = {where};
  }

  [[nodiscard]] const Member* member(const MeshLabNode& other) const {
    return mesh->gossip().swim().members().find(other.identity);
  }
  [[nodiscard]] bool holds_alive(const MeshLabNode& other) const {
    return member(other) != nullptr && member(other)->state == MemberState::alive;
  }
  // The peer that the plan has for the other; null when it has none.
  [[nodiscard]] const MeshPeer* peer(const MeshLabNode& other) const {
    for (const MeshPeer& peer : mesh->plan().peers) {
      if (peer.identity == other.identity) return &peer;
    }
    return nullptr;
  }
  [[nodiscard]] bool has_fault(std::string_view part) const {
    for (const std::string& fault : mesh->faults()) {
      if (fault.find(part) != std::string::npos) return true;
    }
    return false;
  }

  SeededRandom random;
  SigningKey key;
  Identity identity;
  Endpoint endpoint;
  MeshOptions options;
  TrustFiles files;
  std::optional<CertificateChain> chain;
  MemoryCounter incarnations;
  MemoryCounter versions;
  std::unique_ptr<Mesh> mesh;  // null: does not run
  unsigned side = 0;
  Duration wall_shift = 0ns;
  std::vector<SignedRevocation> learnt;
  std::vector<std::uint32_t> salts;
  std::vector<EndpointVerified> verified;
  std::size_t plans = 0;
  std::size_t seeds_wanted = 0;
};

class MeshLab {
 public:
  explicit MeshLab(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::string text = "192.0.2." + std::to_string(i + 1) + ":51820";
      nodes.push_back(std::make_unique<MeshLabNode>(500 + i, Endpoint::parse(text).value()));
    }
  }

  [[nodiscard]] MeshLabNode& operator[](std::size_t node) { return *nodes[node]; }
  [[nodiscard]] std::size_t size() const { return nodes.size(); }
  [[nodiscard]] Moment at() const { return {now, {wall_of(now)}}; }
  // As the node's own clock has it.
  [[nodiscard]] Moment at(const MeshLabNode& node) const {
    return {now, {wall_of(now) + node.wall_shift.count()}};
  }
  [[nodiscard]] UnixSeconds seconds() const { return seconds_of(at().wall); }

  void trust(std::size_t who, std::size_t whom, Grants grants = {}) {
    nodes[who]->files.authorized_keys.push_back(
        {"node" + std::to_string(whom), trust_text({{.kind = KeyKind::node,
                                                     .key = nodes[whom]->identity.key,
                                                     .label = "node" + std::to_string(whom),
                                                     .grants = std::move(grants)}})});
  }
  void distrust(std::size_t who, std::size_t whom) {
    std::erase_if(nodes[who]->files.authorized_keys, [&](const NamedText& file) {
      return file.name == "node" + std::to_string(whom);
    });
    reload(who);
  }
  void reload(std::size_t who) {
    if (nodes[who]->mesh == nullptr) return;
    nodes[who]->mesh->reload_trust(nodes[who]->files, nodes[who]->chain, at());
    carry_out(*nodes[who]);
  }
  void all_trust_all() {
    for (std::size_t a = 0; a < size(); ++a) {
      for (std::size_t b = 0; b < size(); ++b) {
        if (a != b) trust(a, b);
      }
    }
  }

  void start(std::size_t which) {
    MeshLabNode& node = *nodes[which];
    node.mesh = std::make_unique<Mesh>(node.key, node.options,
                                       MeshCounters{node.incarnations, node.versions}, node.random);
    const Status started = node.mesh->start(node.files, node.chain, at());
    REQUIRE_MESSAGE(started.ok(), (started.ok() ? "" : started.error().what));
    carry_out(node);
  }
  // All run, and everybody has the first as its seed.
  void start_all() {
    for (std::size_t i = 0; i < size(); ++i) start(i);
    for (std::size_t i = 1; i < size(); ++i) contact(i, 0);
  }
  void stop(std::size_t which) { nodes[which]->mesh.reset(); }
  void contact(std::size_t from, std::size_t to) {
    nodes[from]->mesh->contact(nodes[to]->identity, nodes[to]->endpoint, at());
    carry_out(*nodes[from]);
  }

  void carry_out(MeshLabNode& node) {
    for (MeshAction& action : node.mesh->take_actions()) {
      if (auto* const send = std::get_if<SendDatagram>(&action)) {
        sent_bytes += send->bytes.size();
        largest = std::max(largest, send->bytes.size());
        wire.push_back({now + Duration(1ms), node.endpoint, send->to, std::move(send->bytes)});
      } else if (auto* const learnt = std::get_if<RevocationLearnt>(&action)) {
        node.learnt.push_back(learnt->revocation);
      } else if (const auto* const salt = std::get_if<SaltChanged>(&action)) {
        node.salts.push_back(salt->salt);
      } else if (const auto* const verified = std::get_if<EndpointVerified>(&action)) {
        node.verified.push_back(*verified);
      } else if (std::holds_alternative<PlanChanged>(action)) {
        ++node.plans;
      } else if (std::holds_alternative<TrySeed>(action)) {
        ++node.seeds_wanted;
      }
    }
  }

  void pass(Duration span) {
    const Instant end = now + span;
    for (;;) {
      Instant next = wire.empty() ? kFarFuture : wire.front().at;
      for (const auto& node : nodes) {
        if (node->mesh != nullptr) next = std::min(next, node->mesh->next_deadline());
      }
      if (next > end) break;
      now = std::max(now, next);
      deliver();
      for (const auto& node : nodes) {
        if (node->mesh == nullptr || node->mesh->next_deadline() > now) continue;
        node->mesh->on_timers(at(*node));
        carry_out(*node);
      }
    }
    now = end;
  }

  // Of running nodes, how many ordered pairs hold each other alive and have each other as peers.
  [[nodiscard]] std::size_t pairs() const {
    std::size_t count = 0;
    for (const auto& a : nodes) {
      for (const auto& b : nodes) {
        if (a == b || a->mesh == nullptr || b->mesh == nullptr) continue;
        count += a->holds_alive(*b) && a->peer(*b) != nullptr ? 1U : 0U;
      }
    }
    return count;
  }

  Instant now{1'000'000'000'000};
  Duration wall_shift = 0ns;          // of every node's wall clock
  std::uint64_t lost_in_hundred = 0;  // datagrams
  std::size_t sent_bytes = 0;         // of payloads of UDP, by all
  std::size_t largest = 0;            // of those
  std::vector<std::unique_ptr<MeshLabNode>> nodes;

 private:
  struct Datagram {
    Instant at;
    Endpoint from;
    Endpoint to;
    std::vector<std::uint8_t> bytes;
  };

  [[nodiscard]] std::int64_t wall_of(Instant instant) const {
    return 1'800'000'000'000'000'000 + instant.nanoseconds + wall_shift.count();
  }
  void deliver() {
    while (!wire.empty() && wire.front().at <= now) {
      const Datagram datagram = std::move(wire.front());
      wire.pop_front();
      const MeshLabNode* const sender = find(datagram.from);
      MeshLabNode* const receiver = find(datagram.to);
      const bool arrives = sender != nullptr && receiver != nullptr && receiver->mesh != nullptr &&
                           sender->side == receiver->side &&
                           (lost_in_hundred == 0 || random_below(weather, 100) >= lost_in_hundred);
      if (!arrives) continue;
      receiver->mesh->receive(datagram.bytes, datagram.from, at(*receiver));
      carry_out(*receiver);
    }
  }
  [[nodiscard]] MeshLabNode* find(const Endpoint& endpoint) const {
    for (const auto& node : nodes) {
      if (node->endpoint == endpoint) return node.get();
    }
    return nullptr;
  }

  std::deque<Datagram> wire;
  SeededRandom weather{4711};
};

}  // namespace xm::test
