// What an engine has prepared for the few keys that it met last, where preparing costs more than a
// packet. Keys are compared in constant time and wiped when they leave.
//
// An entry that was not used for kIdle leaves at the next call; a key can outlive its session by
// that long, and by as long as nothing else comes by.
#pragma once

#include <array>
#include <cstddef>
#include <utility>

#include "agent/crypto/secret.hpp"
#include "xdpmesh/clock.hpp"

namespace xm {

// `Value` is movable and false when default-constructed. One thread; no call allocates.
template <typename Value, std::size_t Entries>
class KeyCache {
 public:
  // As long as a session is sent or received under (REJECT_AFTER_TIME).
  static constexpr Duration kIdle = 180s;

  // Null when the key is not here. Valid until the next call.
  [[nodiscard]] Value* find(const Key& key, Instant now) {
    Entry* found = nullptr;
    for (Entry& entry : entries_) {
      if (!entry.value) continue;
      const bool same = entry.key == key;
      if (now - entry.used >= kIdle) {
        clear(entry);
      } else if (same) {
        found = &entry;
      }
    }
    if (found == nullptr) return nullptr;
    found->used = now;
    return &found->value;
  }

  // In place of the entry that was used least recently. Valid until the next call.
  Value& insert(const Key& key, Value value, Instant now) {
    Entry* oldest = entries_.data();
    for (Entry& entry : entries_) {
      if (!entry.value) {
        oldest = &entry;
        break;
      }
      if (entry.used < oldest->used) oldest = &entry;
    }
    oldest->key = key.clone();
    oldest->value = std::move(value);
    oldest->used = now;
    return oldest->value;
  }

  void erase(const Key& key) {
    for (Entry& entry : entries_) {
      if (entry.value && entry.key == key) clear(entry);
    }
  }

 private:
  struct Entry {
    Key key;
    Value value{};
    Instant used;
  };
  static void clear(Entry& entry) {
    entry.key.wipe();
    entry.value = Value{};
  }

  std::array<Entry, Entries> entries_;
};

}  // namespace xm
