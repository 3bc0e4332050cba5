#include "agent/io/chunk_ledger.hpp"

#include <cassert>

namespace xm {

ChunkLedger::ChunkLedger(std::uint32_t total) : is_with_kernel_(total) {
  held_.reserve(total);
  for (std::uint32_t chunk = total; chunk > 0; --chunk) held_.push_back(chunk - 1);
  publish();
}

std::uint32_t ChunkLedger::submit() {
  const std::uint32_t chunk = held_.back();
  held_.pop_back();
  is_with_kernel_[chunk] = true;
  ++submitted_;
  return chunk;
}

void ChunkLedger::take_back(std::uint32_t chunk) {
  assert(is_with_kernel(chunk));
  is_with_kernel_[chunk] = false;
  held_.push_back(chunk);
  ++returned_;
}

void ChunkLedger::take_all_back() {
  for (std::uint32_t chunk = 0; chunk < is_with_kernel_.size(); ++chunk) {
    if (is_with_kernel_[chunk]) take_back(chunk);
  }
  publish();
}

void ChunkLedger::publish() {
  published_.store(std::uint64_t{held()} << 32 | with_kernel(), std::memory_order_relaxed);
}

ChunkCount ChunkLedger::count() const {
  const std::uint64_t both = published_.load(std::memory_order_relaxed);
  return {static_cast<std::uint32_t>(is_with_kernel_.size()),
          static_cast<std::uint32_t>(both >> 32), static_cast<std::uint32_t>(both)};
}

}  // namespace xm
