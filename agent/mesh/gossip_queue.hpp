// News that wait to be passed on: each a few times, those passed on least first (SWIM, 4.1;
// Lifeguard and memberlist's queue.go). Bounded in number; one owner.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <vector>

#include "agent/mesh/byte_codec.hpp"
#include "agent/mesh/codec.hpp"
#include "agent/mesh/identity.hpp"

namespace xm {

// 6 · ⌈log10(N + 1)⌉.
[[nodiscard]] std::size_t retransmit_limit(std::size_t members);

// What a piece of news is about: a newer one about the same replaces it.
struct NewsTopic {
  enum class Kind : std::uint8_t { statement, accusation, record, revocation };
  Kind kind = Kind::statement;
  Identity subject;
  Identity accuser;  // of accusations; else zero

  friend auto operator<=>(const NewsTopic&, const NewsTopic&) = default;
};

class GossipQueue {
 public:
  static constexpr std::size_t kCapacity = 4096;

  // Replaces what is queued on the topic. When the queue is full, what was passed on most gives
  // way.
  void push(const NewsTopic& topic, const GossipMessage& news);
  // The subject has answered for itself, or is gone: what others said of it is no news any more.
  void drop_accusations(const Identity& subject);

  // Appends news while they fit into `room` bytes, and counts each as passed on once; one that has
  // been passed on `limit` times is done.
  void take(ByteWriter& out, std::size_t room, std::size_t limit);

  [[nodiscard]] bool contains(const NewsTopic& topic) const { return entries_.contains(topic); }
  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::vector<std::uint8_t> bytes;
    std::size_t sent = 0;
    std::uint64_t number = 0;  // the newest has the highest
  };
  using Entries = std::map<NewsTopic, Entry>;
  // Least passed on first, then the newest.
  using Order = std::tuple<std::size_t, std::uint64_t, Entries::iterator>;
  struct Before {
    bool operator()(const Order& a, const Order& b) const {
      if (std::get<0>(a) != std::get<0>(b)) return std::get<0>(a) < std::get<0>(b);
      return std::get<1>(a) > std::get<1>(b);
    }
  };
  using Ordered = std::set<Order, Before>;

  [[nodiscard]] static Order order_of(Entries::iterator entry) {
    return {entry->second.sent, entry->second.number, entry};
  }
  void erase(Entries::iterator entry);

  Entries entries_;
  Ordered order_;
  std::uint64_t next_number_ = 0;
};

}  // namespace xm
