#include "agent/io/uring_tun.hpp"

#include <sys/uio.h>

#include <algorithm>
#include <cerrno>

#include "agent/wire/vnet.hpp"

namespace xm {

UringTunQueue::UringTunQueue(Uring& ring, UringBuffers* buffers, TunQueue& queue, bool vnet_header)
    : UringSource(ring, queue.fd(), PathIo::kTun),
      ring_(ring),
      buffers_(buffers),
      queue_(queue),
      vnet_header_(vnet_header),
      packets_(buffers != nullptr ? buffers->count() : 0),
      batch_(ring),
      write_flags_(RWF_NOWAIT) {
  const int descriptor = queue.fd();
  is_registered_ = io_uring_register_files(&ring.raw(), &descriptor, 1) == 0;
  if (buffers == nullptr) poll_only();
}

void UringTunQueue::unregister() {
  if (is_registered_) (void)io_uring_unregister_files(&ring_.raw());
  is_registered_ = false;
}

// The registered descriptor is number 0 of the ring's table.
void UringTunQueue::address(io_uring_sqe* request) const {
  if (!is_registered_) return;
  request->fd = 0;
  request->flags |= IOSQE_FIXED_FILE;
}

// --- Reading -------------------------------------------------------------------------------------

void UringTunQueue::prepare(io_uring_sqe* request) {
  io_uring_prep_rw(kOpReadMultishot, request, fd(), nullptr, 0, static_cast<__u64>(-1));
  request->flags |= IOSQE_BUFFER_SELECT;
  request->buf_group = buffers_->group();
  address(request);
}

void UringTunQueue::bring(std::uint32_t length, std::uint32_t flags) {
  packets_[(first_ + waiting_++) % packets_.size()] = {buffers_->take(flags), length};
}

TunRead UringTunQueue::read() {
  if (waiting_ == 0 && polls()) {
    const TunRead read = queue_.read();
    if (read.state == TunIo::would_block) poll_no_more();
    return read;
  }
  if (waiting_ == 0) return {};
  buffers_->end_loans();
  if (!polls()) arm();
  const Packet packet = packets_[first_];
  first_ = (first_ + 1) % packets_.size();
  --waiting_;
  buffers_->lend(packet.buffer);
  return {TunIo::done, {buffers_->at(packet.buffer), packet.length}};
}

// --- Writing -------------------------------------------------------------------------------------

void UringTunQueue::write_all(std::span<TunWrite> writes) {
  if (!vnet_header_ || ring_.failure() != 0) return queue_.write_all(writes);
  while (!writes.empty()) {
    const std::size_t count = std::min<std::size_t>(writes.size(), UringBatch::kMost);
    write_batch(writes.first(count));
    writes = writes.subspan(count);
  }
}

// Without links: a packet that is refused does not keep back those behind it. The kernel runs them
// in order, each at once.
void UringTunQueue::write_batch(std::span<TunWrite> writes) {
  batch_.start(static_cast<unsigned>(writes.size()));
  for (const TunWrite& each : writes) {
    batch_.add([&](io_uring_sqe* request) {
      io_uring_prep_writev2(request, fd(), each.pieces.data(),
                            static_cast<unsigned>(each.pieces.size()), static_cast<__u64>(-1),
                            write_flags_);
      address(request);
    });
  }
  batch_.run();
  for (std::size_t i = 0; i < writes.size(); ++i) {
    const std::int32_t result = batch_.result(i);
    if (result == -EOPNOTSUPP) write_flags_ = 0;  // a driver that knows no RWF_NOWAIT
    // What was not run is done over; what the device refused is not, since those behind it are
    // written already.
    const bool was_run = result != UringBatch::kNotDone && result != -EOPNOTSUPP &&
                         result != -EINVAL && result != -EINTR;
    if (!was_run) {
      writes[i].state = queue_.write(writes[i].pieces);
    } else {
      writes[i].state = result >= 0 ? TunIo::done : tun_io_of(-result);
    }
  }
}

}  // namespace xm
