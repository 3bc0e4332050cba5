// Packets that leave a worker for the control thread, by copy, each with a word that says whose it
// is, through memory that is there from the start: neither thread waits for the other, and the
// worker allocates nothing.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "xdpmesh/bytes.hpp"
#include "xdpmesh/ring.hpp"

namespace xm {

template <typename Label>
class BytesRing {
 public:
  // Holds at most so many packets (rounded up to a power of two) with at most so many bytes. Memory
  // that was never written to costs nothing.
  BytesRing(std::size_t packets, std::size_t bytes)
      : entries_(packets),
        size_(bytes),
        bytes_(std::make_unique_for_overwrite<std::uint8_t[]>(bytes)) {}

  // Producer only. False, and nothing is kept, when there is no room.
  [[nodiscard]] bool push(const Label& label, Bytes packet) {
    // Positions count up for ever; a packet lies in one piece.
    std::uint64_t begin = written_;
    if (begin % size_ + packet.size() > size_) begin += size_ - begin % size_;
    const std::uint64_t end = begin + packet.size();
    if (end - freed_.load(std::memory_order_acquire) > size_) return false;
    if (entries_.size() == entries_.capacity()) return false;
    std::copy(packet.begin(), packet.end(), &bytes_[begin % size_]);
    written_ = end;
    return entries_.push({.label = label, .begin = begin, .end = end});
  }

  // Consumer only. False when there is none. Here, and only here, is allocated.
  [[nodiscard]] bool pop(Label& label, std::vector<std::uint8_t>& packet) {
    Entry entry;
    if (!entries_.pop(entry)) return false;
    const std::uint8_t* const at = &bytes_[entry.begin % size_];
    label = entry.label;
    packet.assign(at, at + (entry.end - entry.begin));
    freed_.store(entry.end, std::memory_order_release);
    return true;
  }

 private:
  struct Entry {
    Label label{};
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };

  SpscRing<Entry> entries_;
  const std::size_t size_;
  std::unique_ptr<std::uint8_t[]> bytes_;
  std::uint64_t written_ = 0;  // producer's
  alignas(64) std::atomic<std::uint64_t> freed_{0};
};

}  // namespace xm
