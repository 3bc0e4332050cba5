#include "agent/peer/index_table.hpp"

#include <array>
#include <cassert>

namespace xm {

IndexTable::IndexTable(Grace& grace, std::size_t first_slots)
    : grace_(grace), writable_(new Slots(first_slots)), taken_(first_slots) {
  slots_.exchange(writable_);
}

IndexTable::~IndexTable() {
  delete slots_.exchange(nullptr);
}

std::uint32_t IndexTable::reserve(Random& random, PeerId peer) {
  if (owners_.size() >= taken_.size() / 2) grow();
  std::uint32_t index = 0;
  do {  // at least half the slots are free: two draws on average at worst
    std::array<std::uint8_t, 4> bytes{};
    random.fill(bytes);
    index = load_le32(bytes.data());
  } while (taken_[slot_of(index)]);
  taken_[slot_of(index)] = true;
  owners_.emplace(index, peer);
  if (observer_ != nullptr) observer_->index_reserved(index, peer);
  return index;
}

void IndexTable::publish(std::uint32_t index, PeerSession* session) {
  assert(owners_.contains(index) && session->local_index() == index);
  (*writable_)[slot_of(index)].store(session, std::memory_order_seq_cst);
  if (observer_ != nullptr) observer_->session_published(*session);
}

void IndexTable::release(std::uint32_t index) {
  if (owners_.erase(index) == 0) return;
  taken_[slot_of(index)] = false;
  // Sequentially consistent, as Published: a reader that enters after this does not find it.
  (*writable_)[slot_of(index)].store(nullptr, std::memory_order_seq_cst);
  if (observer_ != nullptr) observer_->index_released(index);
}

std::optional<PeerId> IndexTable::owner(std::uint32_t index) const {
  const auto found = owners_.find(index);
  if (found == owners_.end()) return std::nullopt;
  return found->second;
}

void IndexTable::observe(SessionObserver* observer) {
  observer_ = observer;
  if (observer == nullptr) return;
  for (const auto& [index, peer] : owners_) {
    observer->index_reserved(index, peer);
    PeerSession* const session = (*writable_)[slot_of(index)].load(std::memory_order_relaxed);
    if (session != nullptr) observer->session_published(*session);
  }
}

void IndexTable::grow() {
  auto larger = std::make_unique<Slots>(taken_.size() * 2);
  const std::size_t mask = larger->size() - 1;
  taken_.assign(larger->size(), false);
  for (const auto& [index, peer] : owners_) taken_[index & mask] = true;
  for (const std::atomic<PeerSession*>& slot : *writable_) {
    PeerSession* const session = slot.load(std::memory_order_relaxed);
    if (session != nullptr) (*larger)[session->local_index() & mask].store(session);
  }
  writable_ = larger.get();
  grace_.retire(std::unique_ptr<const Slots>(slots_.exchange(larger.release())));
}

}  // namespace xm
