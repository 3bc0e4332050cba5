// The window of received counters (RFC 6479, with the kernel's sizes:
// drivers/net/wireguard/receive.c, counter_validate()): 8192 bits, of which 8128 are the window;
// the rest is the word being recycled.
//
// Ownership: accept() is called by one thread at a time (Session::replay_lock, taken once per
// batch). The words are atomics so that looks_new() may run before decryption without the lock: it
// can be out of date, so it only ever saves work, and accept() alone decides, after the tag has
// verified.
//
// A window can be copied into a slot of the map xm_replay as it changes, where the XDP program
// reads it. The copy is written and never read here: who can write the map cannot move the window.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "xdpmesh/abi.h"

namespace xm {

inline constexpr std::uint64_t kReplayBits = XM_REPLAY_BITS;
inline constexpr std::uint64_t kReplayWindow = XM_REPLAY_WINDOW;

// Counters at and above this are never sent nor accepted: 2^64 - 1 - 8128 - 1.
inline constexpr std::uint64_t kRejectAfterMessages = XM_REJECT_AFTER_MESSAGES;

enum class ReplayVerdict : std::uint8_t { fresh, too_old, replayed };

class ReplayWindow {
 public:
  // Whether `counter` could still be accepted. No lock; writes nothing.
  [[nodiscard]] ReplayVerdict looks_new(std::uint64_t counter) const {
    // Acquire: whoever sees the window moved sees the words cleared for it, or a new counter would
    // pass for one that came 8192 before.
    const std::uint64_t next = next_.load(std::memory_order_acquire);
    if (is_behind(counter, next)) return ReplayVerdict::too_old;
    if (counter >= next) return ReplayVerdict::fresh;
    const std::uint64_t word = words_[word_of(counter)].load(std::memory_order_relaxed);
    return (word & bit_of(counter)) == 0 ? ReplayVerdict::fresh : ReplayVerdict::replayed;
  }

  // Marks `counter` received. Only after its packet has been authenticated, and under the lock.
  ReplayVerdict accept(std::uint64_t counter) {
    const std::uint64_t next = next_.load(std::memory_order_relaxed);
    if (is_behind(counter, next)) return ReplayVerdict::too_old;
    if (counter >= next) advance_to(counter, next);
    std::atomic<std::uint64_t>& word = words_[word_of(counter)];
    const std::uint64_t before = word.load(std::memory_order_relaxed);
    if ((before & bit_of(counter)) != 0) return ReplayVerdict::replayed;
    word.store(before | bit_of(counter), std::memory_order_relaxed);
    if (mirror_ != nullptr) copy_bit(counter, next);
    return ReplayVerdict::fresh;
  }

  // From now on `slot`, which outlives its use here, holds what this window holds; null ends that.
  // Under the lock: afterwards nothing of this window is written to the slot before. The slot's
  // receiver index is the caller's to set, afterwards.
  void mirror_into(xm_replay* slot) {
    mirror_ = slot;
    if (slot == nullptr) return;
    for (std::size_t i = 0; i < kWords; ++i) {
      store(slot->words[i], words_[i].load(std::memory_order_relaxed), std::memory_order_relaxed);
    }
    store(slot->next, next_.load(std::memory_order_relaxed), std::memory_order_release);
  }

 private:
  static constexpr std::uint64_t kWords = XM_REPLAY_WORDS;

  static std::size_t word_of(std::uint64_t counter) { return (counter / 64) % kWords; }
  static std::uint64_t bit_of(std::uint64_t counter) { return std::uint64_t{1} << (counter % 64); }
  static bool is_behind(std::uint64_t counter, std::uint64_t next) {
    return counter >= kRejectAfterMessages ||
           (next > kReplayWindow + 1 && counter < next - kReplayWindow - 1);
  }

  // Clears the words between the highest counter's word and the new one's, at most all of them.
  void advance_to(std::uint64_t counter, std::uint64_t next) {
    const std::uint64_t highest_word = next == 0 ? 0 : (next - 1) / 64;
    std::uint64_t steps = counter / 64 - highest_word;
    if (steps > kWords) steps = kWords;
    for (std::uint64_t i = 1; i <= steps; ++i) {
      words_[(highest_word + i) % kWords].store(0, std::memory_order_relaxed);
      if (mirror_ != nullptr) {
        store(mirror_->words[(highest_word + i) % kWords], 0, std::memory_order_relaxed);
      }
    }
    next_.store(counter + 1, std::memory_order_release);
  }

  // Words cleared (advance_to), then the bit, then the highest counter: whoever reads the highest
  // first can take a received counter for a new one, never a new one for a received one.
  void copy_bit(std::uint64_t counter, std::uint64_t next_before) {
    store(mirror_->words[word_of(counter)],
          words_[word_of(counter)].load(std::memory_order_relaxed), std::memory_order_release);
    if (counter >= next_before) store(mirror_->next, counter + 1, std::memory_order_release);
  }

  static void store(__u64& place, std::uint64_t value, std::memory_order order) {
    std::atomic_ref<__u64>(place).store(value, order);
  }

  xm_replay* mirror_ = nullptr;         // under the lock
  std::atomic<std::uint64_t> next_{0};  // one past the highest counter accepted
  std::array<std::atomic<std::uint64_t>, kWords> words_{};
};

}  // namespace xm
