// Buffers that the kernel takes from, one a message, when something arrives (a provided buffer
// ring, io_uring_register_buf_ring(3), Linux 5.19). Shared by all sources of one kind on a worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "agent/io/uring.hpp"

namespace xm {

// A buffer goes round: in the ring; taken by the kernel and told in a completion; lent to the
// packet path; back in the ring. Thread: the ring's.
class UringBuffers {
 public:
  using Id = std::uint16_t;

  // `count` buffers of `size` bytes, in group `group` of `ring`; `count` is a power of two. Before
  // Uring::enable(). `ring` outlives it, and has no request under way when it goes.
  [[nodiscard]] static Result<std::unique_ptr<UringBuffers>> create(Uring& ring,
                                                                    std::uint16_t group,
                                                                    unsigned count,
                                                                    std::size_t size);

  [[nodiscard]] std::uint16_t group() const { return group_; }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::uint8_t* at(Id id) { return memory_.get() + id * size_; }

  // Whether the kernel may have one to take.
  [[nodiscard]] bool has_free() const { return taken_ < count_; }
  // The kernel has taken one: the buffer that the flags of a completion name.
  [[nodiscard]] Id take(std::uint32_t completion_flags) {
    ++taken_;
    return static_cast<Id>(completion_flags >> IORING_CQE_BUFFER_SHIFT);
  }
  // The packet path has it until end_loans().
  void lend(Id id) { lent_.push_back(id); }
  void end_loans();

 private:
  UringBuffers(Uring& ring, std::uint16_t group, unsigned count, std::size_t size);
  [[nodiscard]] Status add_ring();
  void give(Id id, int place);

  struct Unmap {
    std::size_t bytes;
    void operator()(io_uring_buf_ring* ring) const;
  };

  Uring& ring_;
  const std::uint16_t group_;
  const unsigned count_;
  const std::size_t size_;
  std::unique_ptr<std::uint8_t[]> memory_;
  std::unique_ptr<io_uring_buf_ring, Unmap> shared_;  // with the kernel: where free buffers are
  std::vector<Id> lent_;                              // never more than count_
  std::size_t taken_ = 0;
};

}  // namespace xm
