#include "tests/sim/mesh_world.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "agent/mesh/digest.hpp"

namespace xm::test {
void SimRandom::fill(MutableBytes out) {
  std::uint64_t drawn = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (i % 8 == 0) drawn = next();
    out[i] = static_cast<std::uint8_t>(drawn >> (8 * (i % 8)));
  }
}

std::uint64_t SimRandom::next() {
  state_ += 0x9e3779b97f4a7c15;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

// --- nodes ---------------------------------------------------------------------------------------

struct MeshWorld::Node {
  Node(SignedWords& words, SigningKey key, std::uint64_t seed)
      : identity(Identity::of(key)), random(seed), authority(words, std::move(key)) {}

  // When what passes at `at` is let through.
  [[nodiscard]] Instant released(Instant at) const {
    if (held == Duration{}) return at;
    const Duration into = (at - stalled_from) % (held + free);
    return into < held ? at + (held - into) : at;
  }

  Identity identity;
  SimRandom random;
  SharedAuthority authority;
  SharedRecord record;
  std::unique_ptr<Swim> swim;
  bool is_running = false;
  unsigned side = 0;
  Duration held{};
  Duration free{};
  Instant stalled_from;
  Instant wake_at = kFarFuture;
};

MeshWorld::MeshWorld(std::size_t nodes, std::uint64_t seed, const NetworkModel& network,
                     const SwimOptions& options)
    : network_(network), options_(options), random_(seed) {
  nodes_.reserve(nodes);
  for (std::size_t i = 0; i < nodes; ++i) {
    SigningKey key = generate_signing_key(random_);
    nodes_.push_back(std::make_unique<Node>(words_, std::move(key), random_.next()));
    Node& node = *nodes_.back();
    node.record =
        words_.sign_record(node.authority.key(), 1, Endpoint::parse("192.0.2.1:51820").value());
    by_position_[position_of(node.identity)] = static_cast<std::uint32_t>(i);
  }
}

MeshWorld::~MeshWorld() = default;

void MeshWorld::make_swim(Node& node) {
  node.swim = std::make_unique<Swim>(node.identity, options_, node.authority, node.random);
  if (!node.swim->start(node.record, now_)) std::abort();
  node.is_running = true;
}

void MeshWorld::start_acquainted() {
  std::vector<SharedStatement> statements;
  for (const auto& node : nodes_) {
    make_swim(*node);
    statements.push_back(node->authority.sign_statement(StatementKind::alive, node->record->version,
                                                        node->swim->incarnation()));
  }
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    Swim& swim = *nodes_[i]->swim;
    for (std::size_t j = 0; j < nodes_.size(); ++j) {
      if (i != j) swim.introduce(nodes_[j]->record, statements[j], false, now_);
    }
    (void)swim.take_actions();
    wake(static_cast<std::uint32_t>(i), swim.next_deadline());
  }
}

void MeshWorld::start_first() {
  make_swim(*nodes_[0]);
  carry_out(0);
}

void MeshWorld::start(std::size_t index, std::size_t through, bool remembers) {
  Node& node = *nodes_[index];
  make_swim(node);
  for (const auto& other : nodes_) {
    const bool is_known = remembers || other.get() == nodes_[through].get();
    if (is_known) node.swim->introduce(other->record, nullptr, false, now_);
  }
  // What the hello does on the other side.
  nodes_[through]->swim->introduce(node.record, nullptr, true, now_);
  node.swim->join(nodes_[through]->identity, now_);
  carry_out(through);
  carry_out(index);
}

void MeshWorld::crash(std::size_t node) {
  nodes_[node]->is_running = false;
  nodes_[node]->wake_at = kFarFuture;
}

void MeshWorld::leave(std::size_t node) {
  nodes_[node]->swim->leave(now_);
  carry_out(node);
  crash(node);
}

void MeshWorld::set_side(std::size_t node, unsigned side) {
  nodes_[node]->side = side;
}

void MeshWorld::stall(std::size_t node, Duration held, Duration free) {
  nodes_[node]->held = held;
  nodes_[node]->free = free;
  const auto cycle = static_cast<std::size_t>((held + free).count());
  nodes_[node]->stalled_from = now_ - Duration(static_cast<std::int64_t>(random_.below(cycle)));
}

void MeshWorld::inject(std::size_t from, std::size_t to, std::vector<std::uint8_t> payload) {
  send(static_cast<std::uint32_t>(from), static_cast<std::uint32_t>(to), std::move(payload));
}

// --- time and network ----------------------------------------------------------------------------

void MeshWorld::pass(Duration span) {
  const Instant end = now_ + span;
  const auto later = [](const Event& a, const Event& b) {
    return a.at != b.at ? a.at > b.at : a.order > b.order;
  };
  while (!events_.empty() && events_.front().at <= end) {
    std::pop_heap(events_.begin(), events_.end(), later);
    const Event event = events_.back();
    events_.pop_back();
    now_ = event.at;
    if (event.is_arrival) {
      arrive(event.number);
      continue;
    }
    Node& node = *nodes_[event.number];
    if (node.wake_at != event.at) continue;  // it has another deadline by now
    node.wake_at = kFarFuture;
    node.swim->on_timers(now_);
    carry_out(event.number);
  }
  now_ = end;
}

void MeshWorld::push(Event event) {
  event.order = next_order_++;
  events_.push_back(event);
  std::push_heap(events_.begin(), events_.end(), [](const Event& a, const Event& b) {
    return a.at != b.at ? a.at > b.at : a.order > b.order;
  });
}

void MeshWorld::wake(std::uint32_t node, Instant at) {
  if (at >= nodes_[node]->wake_at) return;
  nodes_[node]->wake_at = std::max(at, now_);
  push({nodes_[node]->wake_at, 0, node, false});
}

void MeshWorld::carry_out(std::size_t index) {
  Node& node = *nodes_[index];
  for (SwimAction& action : node.swim->take_actions()) {
    if (auto* const payload = std::get_if<SendPayload>(&action)) {
      send(static_cast<std::uint32_t>(index), by_position_.at(position_of(payload->to)),
           std::move(payload->payload));
    } else if (const auto* const change = std::get_if<MemberChanged>(&action)) {
      if (on_change)
        on_change(index, by_position_.at(position_of(change->identity)), change->change);
    }
  }
  wake(static_cast<std::uint32_t>(index), node.swim->next_deadline());
}

void MeshWorld::send(std::uint32_t from, std::uint32_t to, std::vector<std::uint8_t> payload) {
  ++datagrams_sent_;
  bytes_sent_ += payload.size() + kSealedOverhead + kIpOverhead;
  if (nodes_[from]->side != nodes_[to]->side) return;
  const unsigned copies = random_.unit() < network_.duplication ? 2 : 1;
  for (unsigned i = 0; i < copies; ++i) {
    if (random_.unit() < network_.loss) continue;
    if (free_slots_.empty()) {
      free_slots_.push_back(static_cast<std::uint32_t>(datagrams_.size()));
      datagrams_.emplace_back();
    }
    const std::uint32_t slot = free_slots_.back();
    free_slots_.pop_back();
    datagrams_[slot] = {from, to, i + 1 == copies ? std::move(payload) : payload};
    const Instant arrival = nodes_[from]->released(now_) + draw_delay();
    push({nodes_[to]->released(arrival), 0, slot, true});
  }
}

void MeshWorld::arrive(std::uint32_t slot) {
  Datagram datagram = std::move(datagrams_[slot]);
  free_slots_.push_back(slot);
  Node& node = *nodes_[datagram.to];
  if (!node.is_running || node.side != nodes_[datagram.from]->side) return;
  node.swim->receive(nodes_[datagram.from]->identity, {{}, true}, datagram.payload, now_);
  carry_out(datagram.to);
}

Duration MeshWorld::draw_delay() {
  const auto span = static_cast<double>((network_.delay_most - network_.delay_least).count());
  return network_.delay_least + Duration(static_cast<std::int64_t>(random_.unit() * span));
}

// --- views ---------------------------------------------------------------------------------------

std::size_t MeshWorld::size() const {
  return nodes_.size();
}
bool MeshWorld::is_running(std::size_t node) const {
  return nodes_[node]->is_running;
}
Swim& MeshWorld::swim(std::size_t node) {
  return *nodes_[node]->swim;
}
const Identity& MeshWorld::identity(std::size_t node) const {
  return nodes_[node]->identity;
}

std::size_t MeshWorld::wrong_marks() const {
  std::size_t wrong = 0;
  std::size_t running = 0;
  for (const auto& node : nodes_) running += node->is_running ? 1 : 0;
  for (const auto& node : nodes_) {
    if (!node->is_running) continue;
    std::size_t right = 0;
    for (const Member& member : node->swim->members().all()) {
      const auto other = by_position_.find(position_of(member.identity));
      if (!nodes_[other->second]->is_running) continue;
      right += member.state == MemberState::alive ? 1 : 0;
    }
    wrong += running - 1 - right;
  }
  return wrong;
}

}  // namespace xm::test
