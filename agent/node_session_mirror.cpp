#include "agent/node_session_mirror.hpp"

#include <atomic>
#include <mutex>
#include <utility>

namespace xm {
namespace {

void store_index(xm_replay& slot, std::uint32_t index) {
  std::atomic_ref<__u32>(slot.receiver_index).store(index, std::memory_order_seq_cst);
}

}  // namespace

SessionMirror::SessionMirror(SessionTable& table, std::function<void(bool)> complete)
    : table_(table), complete_(std::move(complete)), replay_(table.replay()) {
  for (std::uint32_t slot = 0; slot < replay_.size(); ++slot) {
    store_index(replay_[slot], 0);
    free_.push_back(slot);
  }
}

SessionMirror::~SessionMirror() {
  for (auto& [index, entry] : entries_) {
    if (entry.is_in_map) table_.remove(index);
    take_slot(entry);
  }
}

void SessionMirror::index_reserved(std::uint32_t index, PeerId peer) {
  Entry& entry = entries_[index];
  entry.value = {.slot = XM_NO_SLOT, .state = XM_SESSION_RESERVED, .peer = peer};
  entry.is_in_map = table_.put(index, entry.value).ok();
  if (!entry.is_in_map) set_missing(missing_ + 1);
}

void SessionMirror::session_published(PeerSession& session) {
  const std::uint32_t index = session.local_index();
  Entry& entry = entries_.at(index);  // every session's index was reserved
  entry.session = &session;
  entry.value.state = XM_SESSION_LIVE;
  give_slot(entry);
  put(index, entry);
}

void SessionMirror::index_released(std::uint32_t index) {
  const auto found = entries_.find(index);
  if (found == entries_.end()) return;
  Entry entry = found->second;
  entries_.erase(found);
  if (entry.is_in_map) {
    table_.remove(index);
  } else {
    set_missing(missing_ - 1);
  }
  take_slot(entry);
  if (missing_ != 0) retry_one();
}

// One that is in the map and cannot be changed stays there as it was: known, and without a slot.
void SessionMirror::put(std::uint32_t index, Entry& entry) {
  if (!table_.put(index, entry.value).ok() || entry.is_in_map) return;
  entry.is_in_map = true;
  set_missing(missing_ - 1);
}

void SessionMirror::set_missing(std::size_t missing) {
  const bool was_complete = is_complete();
  missing_ = missing;
  if (was_complete != is_complete()) complete_(is_complete());
}

// Without a free slot the program knows the session, but nothing of its counters.
void SessionMirror::give_slot(Entry& entry) {
  if (free_.empty()) return;
  entry.value.slot = free_.front();
  free_.pop_front();
  xm_replay& slot = replay_[entry.value.slot];
  {
    const std::lock_guard lock(entry.session->replay_lock);
    entry.session->replay.mirror_into(&slot);
  }
  store_index(slot, entry.session->local_index());
}

void SessionMirror::take_slot(Entry& entry) {
  if (entry.session == nullptr || entry.value.slot == XM_NO_SLOT) return;
  store_index(replay_[entry.value.slot], 0);
  {
    const std::lock_guard lock(entry.session->replay_lock);
    entry.session->replay.mirror_into(nullptr);
  }
  free_.push_back(entry.value.slot);
}

// Room for one has come.
void SessionMirror::retry_one() {
  for (auto& [index, entry] : entries_) {
    if (!entry.is_in_map) return put(index, entry);
  }
}

}  // namespace xm
