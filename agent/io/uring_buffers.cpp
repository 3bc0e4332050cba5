#include "agent/io/uring_buffers.hpp"

#include <sys/mman.h>

#include <cerrno>

namespace xm {

Result<std::unique_ptr<UringBuffers>> UringBuffers::create(Uring& ring, std::uint16_t group,
                                                           unsigned count, std::size_t size) {
  std::unique_ptr<UringBuffers> made(new UringBuffers(ring, group, count, size));
  if (Status added = made->add_ring(); !added) return added.error();
  return made;
}

// The memory is not initialised: pages that no packet reaches are never touched.
UringBuffers::UringBuffers(Uring& ring, std::uint16_t group, unsigned count, std::size_t size)
    : ring_(ring),
      group_(group),
      count_(count),
      size_(size),
      memory_(new std::uint8_t[count * size]),
      shared_(nullptr, Unmap{count * sizeof(io_uring_buf)}) {
  lent_.reserve(count);
}

void UringBuffers::Unmap::operator()(io_uring_buf_ring* ring) const {
  ::munmap(ring, bytes);
}

Status UringBuffers::add_ring() {
  void* const pages = ::mmap(nullptr, shared_.get_deleter().bytes, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) return errno_error("no memory for an io_uring's buffers");
  shared_.reset(static_cast<io_uring_buf_ring*>(pages));
  io_uring_buf_reg request{};
  request.ring_addr = reinterpret_cast<std::uintptr_t>(pages);
  request.ring_entries = count_;
  request.bgid = group_;
  if (const int error = -io_uring_register_buf_ring(&ring_.raw(), &request, 0); error > 0) {
    shared_.reset();
    return errno_error("cannot give buffers to an io_uring (expected Linux 5.19 or later)", error);
  }
  for (unsigned id = 0; id < count_; ++id) give(static_cast<Id>(id), static_cast<int>(id));
  io_uring_buf_ring_advance(shared_.get(), static_cast<int>(count_));
  return {};
}

void UringBuffers::give(Id id, int place) {
  io_uring_buf_ring_add(shared_.get(), at(id), static_cast<unsigned>(size_), id,
                        io_uring_buf_ring_mask(count_), place);
}

void UringBuffers::end_loans() {
  if (lent_.empty()) return;
  for (std::size_t i = 0; i < lent_.size(); ++i) give(lent_[i], static_cast<int>(i));
  io_uring_buf_ring_advance(shared_.get(), static_cast<int>(lent_.size()));
  taken_ -= lent_.size();
  lent_.clear();
}

}  // namespace xm
