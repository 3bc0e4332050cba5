#include "agent/mesh/gossip_queue.hpp"

#include <cmath>
#include <iterator>

namespace xm {

std::size_t retransmit_limit(std::size_t members) {
  return 6 * static_cast<std::size_t>(std::ceil(std::log10(static_cast<double>(members) + 1.0)));
}

void GossipQueue::push(const NewsTopic& topic, const GossipMessage& news) {
  if (const auto held = entries_.find(topic); held != entries_.end()) erase(held);
  if (entries_.size() >= kCapacity) erase(std::get<2>(*std::prev(order_.end())));
  ByteWriter out;
  write_message(out, news);
  const auto entry = entries_.emplace(topic, Entry{out.take(), 0, next_number_++}).first;
  order_.insert(order_of(entry));
}

void GossipQueue::drop_accusations(const Identity& subject) {
  auto entry = entries_.lower_bound({NewsTopic::Kind::accusation, subject, {}});
  while (entry != entries_.end() && entry->first.kind == NewsTopic::Kind::accusation &&
         entry->first.subject == subject) {
    const auto next = std::next(entry);
    erase(entry);
    entry = next;
  }
}

void GossipQueue::take(ByteWriter& out, std::size_t room, std::size_t limit) {
  // An accusation is the smallest of news: with less room than that nothing fits. Where many wait,
  // a few that do not fit are no reason to look at all of them.
  constexpr std::size_t kSmallest = kAccusationSize;
  unsigned misfits = 8;
  std::vector<Ordered::iterator> taken;
  for (auto next = order_.begin(); next != order_.end() && room >= kSmallest; ++next) {
    const std::vector<std::uint8_t>& bytes = std::get<2>(*next)->second.bytes;
    if (bytes.size() > room) {
      if (--misfits == 0) break;
      continue;
    }
    out.bytes(bytes);
    room -= bytes.size();
    taken.push_back(next);
  }
  for (const auto place : taken) {
    auto node = order_.extract(place);
    const auto entry = std::get<2>(node.value());
    if (++entry->second.sent >= limit) {
      entries_.erase(entry);
      continue;
    }
    std::get<0>(node.value()) = entry->second.sent;
    order_.insert(std::move(node));
  }
}

void GossipQueue::erase(Entries::iterator entry) {
  order_.erase(order_of(entry));
  entries_.erase(entry);
}

}  // namespace xm
