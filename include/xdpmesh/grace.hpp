// When may the control thread free what a worker may still be reading?
//
// Epoch-based reclamation with a fixed set of readers (one a worker). A reader loads published
// pointers only inside a Section, which encloses one batch and never a wait. A writer (the control
// thread; a reader, rarely) first replaces the pointer, then retires the old object; reclaim()
// frees it once every reader that could have seen it has left.
//
// Publication and entry are sequentially consistent so that "the reader is inside" and "the pointer
// was replaced" cannot each miss the other; on x86 that costs one exchange a batch.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace xm {

// A pointer that is replaced while readers load it inside a Grace section.
template <typename T>
class Published {
 public:
  [[nodiscard]] T* load() const { return pointer_.load(std::memory_order_seq_cst); }
  // Control thread only. Returns what was there before, to be retired.
  T* exchange(T* next) { return pointer_.exchange(next, std::memory_order_seq_cst); }
  // For a reader, inside the section in which it loaded `expected`. When true, that is no longer
  // published, and the caller's to retire.
  [[nodiscard]] bool replace(T* expected, T* next) {
    return pointer_.compare_exchange_strong(expected, next, std::memory_order_seq_cst);
  }

 private:
  std::atomic<T*> pointer_{nullptr};
};

class Grace {
 public:
  explicit Grace(std::size_t readers) : readers_(readers) {}

  // One reader's section, for one batch.
  class Section {
   public:
    Section(Grace& grace, std::size_t reader) : slot_(grace.readers_[reader].epoch) {
      slot_.store(grace.epoch_.load(std::memory_order_seq_cst), std::memory_order_seq_cst);
    }
    ~Section() { slot_.store(kOutside, std::memory_order_release); }
    Section(const Section&) = delete;
    Section& operator=(const Section&) = delete;

   private:
    std::atomic<std::uint64_t>& slot_;
  };

  // Any thread. `object` is no longer published; it is destroyed by a later reclaim().
  template <typename T>
  void retire(std::unique_ptr<T> object) {
    if (object == nullptr) return;
    std::shared_ptr<const void> retired(std::move(object));
    const std::lock_guard lock(retired_lock_);
    retired_.push_back({start_period(), std::move(retired)});
  }

  // For what is not simply freed: has_passed() of the value that start_period() gave is true once
  // no reader can hold what was unpublished before it.
  [[nodiscard]] std::uint64_t start_period() {
    return epoch_.fetch_add(1, std::memory_order_seq_cst) + 1;
  }
  [[nodiscard]] bool has_passed(std::uint64_t period) const { return period <= oldest_reader(); }

  // Control thread only. Frees what no reader can hold any more; returns how much still waits.
  std::size_t reclaim() {
    const std::uint64_t oldest = oldest_reader();
    for (;;) {
      std::shared_ptr<const void> freed;  // after the lock, which a reader may wait for
      const std::lock_guard lock(retired_lock_);
      if (retired_.empty() || retired_.front().epoch > oldest) return retired_.size();
      freed = std::move(retired_.front().object);
      retired_.pop_front();
    }
  }

 private:
  static constexpr std::uint64_t kOutside = 0;

  struct alignas(64) Reader {
    std::atomic<std::uint64_t> epoch{kOutside};
  };
  struct Retired {
    std::uint64_t epoch;
    std::shared_ptr<const void> object;
  };

  [[nodiscard]] std::uint64_t oldest_reader() const {
    std::uint64_t oldest = UINT64_MAX;
    for (const Reader& reader : readers_) {
      const std::uint64_t epoch = reader.epoch.load(std::memory_order_seq_cst);
      if (epoch != kOutside && epoch < oldest) oldest = epoch;
    }
    return oldest;
  }

  std::vector<Reader> readers_;
  std::atomic<std::uint64_t> epoch_{1};
  std::mutex retired_lock_;
  std::deque<Retired> retired_;  // oldest first
};

}  // namespace xm
