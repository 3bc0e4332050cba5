// Who has which chunk of a UMEM: the kernel or we. Nothing is lost: held + (submitted - returned)
// is always the total.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

namespace xm {

// A moment's account.
struct ChunkCount {
  std::uint32_t total = 0;
  std::uint32_t held = 0;         // by us: lent to the walk, or waiting to be submitted
  std::uint32_t with_kernel = 0;  // submitted and not returned

  [[nodiscard]] bool is_conserved() const { return held + with_kernel == total; }
};

// Chunks are numbers below `total`; at first all are held. Thread: one, but for count().
class ChunkLedger {
 public:
  explicit ChunkLedger(std::uint32_t total);

  [[nodiscard]] std::uint32_t held() const { return static_cast<std::uint32_t>(held_.size()); }
  [[nodiscard]] std::uint32_t with_kernel() const {
    return static_cast<std::uint32_t>(submitted_ - returned_);
  }

  // The chunk that was held last goes to the kernel; only when held() is not 0.
  [[nodiscard]] std::uint32_t submit();
  // Any number may be asked for.
  [[nodiscard]] bool is_with_kernel(std::uint32_t chunk) const {
    return chunk < is_with_kernel_.size() && is_with_kernel_[chunk];
  }
  // A chunk that is with the kernel comes back.
  void take_back(std::uint32_t chunk);
  // The kernel has let go of the UMEM: whatever it had comes back.
  void take_all_back();

  // What count() says from now on.
  void publish();
  // Any thread: the account as of the last publish().
  [[nodiscard]] ChunkCount count() const;

 private:
  std::vector<std::uint32_t> held_;  // a stack: what was used last is warm
  std::vector<bool> is_with_kernel_;
  std::uint64_t submitted_ = 0;
  std::uint64_t returned_ = 0;
  // Both counts in one word, so that no reader sees one without the other.
  std::atomic<std::uint64_t> published_;
};

}  // namespace xm
