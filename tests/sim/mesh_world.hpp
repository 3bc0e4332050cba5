// Many SWIM nodes in one process, under virtual time, over a network that loses, delays,
// duplicates, parts and stalls. What the network carries are real payloads; the cipher around them
// is only counted. All nodes share what has been signed: a statement or record is genuine when it
// is there.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/mesh/swim.hpp"
#include "tests/support/signed_words.hpp"

namespace xm::test {

// SplitMix64: fast, and the same in every run.
class SimRandom final : public Random {
 public:
  explicit SimRandom(std::uint64_t seed) : state_(seed) {}
  void fill(MutableBytes out) override;
  [[nodiscard]] std::uint64_t next();
  // From [0, 1).
  [[nodiscard]] double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }
  [[nodiscard]] std::size_t below(std::size_t bound) { return next() % bound; }

 private:
  std::uint64_t state_;
};

struct NetworkModel {
  double loss = 0;
  double duplication = 0;
  Duration delay_least = 1ms;
  Duration delay_most = 10ms;
};

class MeshWorld {
 public:
  // IPv4's and UDP's headers: they count as sent.
  static constexpr std::size_t kIpOverhead = 28;

  MeshWorld(std::size_t nodes, std::uint64_t seed, const NetworkModel& network,
            const SwimOptions& options);
  ~MeshWorld();

  // --- what happens ---

  // All nodes run and know each other. Without it none runs.
  void start_acquainted();
  // Node 0 runs and knows nobody: others can join by it.
  void start_first();
  // The node starts afresh: it knows `through` (another, running) and joins by it; `remembers`: it
  // knows everybody from its disk.
  void start(std::size_t node, std::size_t through, bool remembers);
  void crash(std::size_t node);
  void leave(std::size_t node);
  // Nodes hear each other only within their side.
  void set_side(std::size_t node, unsigned side);
  // From now on datagrams both ways are held for `held`, then free for `free`, and so on; each
  // stalled node begins somewhere in that cycle. The node's timers run.
  void stall(std::size_t node, Duration held, Duration free);
  void pass(Duration span);

  // --- what is seen ---

  // Called for every change of a mark: who marks, whom, and how.
  std::function<void(std::size_t, std::size_t, MemberChange)> on_change;

  [[nodiscard]] Instant now() const { return now_; }
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] bool is_running(std::size_t node) const;
  [[nodiscard]] Swim& swim(std::size_t node);
  [[nodiscard]] const Identity& identity(std::size_t node) const;
  [[nodiscard]] SimRandom& random() { return random_; }
  [[nodiscard]] std::uint64_t bytes_sent() const { return bytes_sent_; }
  [[nodiscard]] std::uint64_t datagrams_sent() const { return datagrams_sent_; }
  // Pairs of running nodes of which one holds the other dead, suspect, or does not know it.
  [[nodiscard]] std::size_t wrong_marks() const;
  // A payload as if `from` had sent it, bypassing its protocol: for nodes that lie.
  void inject(std::size_t from, std::size_t to, std::vector<std::uint8_t> payload);

 private:
  struct Node;
  struct Datagram {
    std::uint32_t from = 0;
    std::uint32_t to = 0;
    std::vector<std::uint8_t> payload;
  };
  // A datagram's arrival (slot of datagrams_) or a node's deadline.
  struct Event {
    Instant at;
    std::uint64_t order = 0;
    std::uint32_t number = 0;
    bool is_arrival = false;
  };

  void make_swim(Node& node);
  void carry_out(std::size_t node);
  void send(std::uint32_t from, std::uint32_t to, std::vector<std::uint8_t> payload);
  void arrive(std::uint32_t slot);
  void wake(std::uint32_t node, Instant at);
  void push(Event event);
  [[nodiscard]] Duration draw_delay();

  NetworkModel network_;
  SwimOptions options_;
  SimRandom random_;
  SignedWords words_{"simulated"};
  std::vector<std::unique_ptr<Node>> nodes_;
  std::unordered_map<std::uint64_t, std::uint32_t> by_position_;
  std::vector<Event> events_;  // a heap
  std::vector<Datagram> datagrams_;
  std::vector<std::uint32_t> free_slots_;
  std::uint64_t next_order_ = 0;
  Instant now_{1'000'000'000'000};
  std::uint64_t bytes_sent_ = 0;
  std::uint64_t datagrams_sent_ = 0;
};

}  // namespace xm::test
