// The way of a UMEM's chunks: to the kernel by the fill ring, back with a frame in it by the
// receive ring, lent to the walk, and to the kernel again. No system call: tests play the kernel.
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/io/chunk_ledger.hpp"
#include "agent/io/xsk_ring.hpp"
#include "xdpmesh/bytes.hpp"
#include "xdpmesh/counters.hpp"
#include "xdpmesh/frame.hpp"

namespace xm {

// Thread: one, but for chunks() and bad_descriptors().
class UmemReceiver {
 public:
  // Chunks go back to the kernel when this many are held, or a quarter of all where that is less:
  // the fill ring's index is a cache line that two processors want.
  static constexpr std::uint32_t kRefillBatch = 64;
  // Frames that one receive() looks at: those that no batch accepts fill none, and a flood of them
  // shall not keep the worker longer than a flood of others.
  static constexpr std::uint32_t kMostLooks = ReceiveBatch::kMaxFrames;

  // `umem` is a whole number of chunks, a power of two each; it and the rings outlive this object.
  UmemReceiver(MutableBytes umem, std::uint32_t chunk_size, FillRing fill, ReceiveRing received);

  // Ends the loan of what receive() lent: gives chunks to the kernel, as many as the ring takes.
  void refill();
  // Fills `batch` with what has arrived, as DatagramReceiver::receive(). The frames are lent until
  // the next refill(), which is due also when the batch is empty: what was refused has taken chunks
  // too. True when nothing was left. A frame for which the batch has no room stays in the ring.
  [[nodiscard]] bool receive(ReceiveBatch& batch, std::uint32_t interface_index);
  // The kernel has let go of UMEM and rings: nothing arrives any more, and every chunk is held.
  void end();

  // Not after end().
  [[nodiscard]] bool needs_wakeup() const { return fill_.needs_wakeup(); }
  [[nodiscard]] std::uint32_t filled() const { return fill_.memory().filled(); }
  [[nodiscard]] std::uint32_t waiting() const { return received_.waiting(); }

  [[nodiscard]] ChunkCount chunks() const { return ledger_.count(); }
  // Descriptors that named no chunk that the kernel had. There are none, unless the kernel has a
  // fault; none of them is followed.
  [[nodiscard]] std::uint64_t bad_descriptors() const { return bad_descriptors_.value(); }

 private:
  [[nodiscard]] bool take(ReceiveBatch& batch, const xdp_desc& descriptor,
                          std::uint32_t interface_index);

  const MutableBytes umem_;
  const std::uint32_t chunk_size_;
  const std::uint32_t refill_batch_;
  FillRing fill_;
  ReceiveRing received_;
  ChunkLedger ledger_;
  Counter bad_descriptors_;
};

}  // namespace xm
